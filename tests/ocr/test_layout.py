"""Pieces of lines become rows in reading order."""

from collections.abc import Sequence

import numpy as np
import pytest

from ocr.layout import order_rows, row_corners
from ocr.preparation import Corners, downward


def box(left: float, top: float, width: float, height: float = 20) -> Corners:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def skewed(pieces: Sequence[Corners], degrees: float) -> list[Corners]:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [piece @ matrix for piece in pieces]


# Eight lines of two columns of prose, then a heading above and a footer below both.
COLUMNS = [
    *(box(0, 60 + 30 * row, 300) for row in range(8)),
    *(box(330, 52 + 30 * row, 300) for row in range(8)),
    box(100, 0, 400, 30),
    box(200, 320, 200),
]
# Five rows of an item and its price.
RECEIPT = [part for row in range(5) for part in (box(400, 3 + 30 * row, 50), box(0, 30 * row, 200))]


def test_no_pieces_are_no_rows() -> None:
    assert order_rows([]) == []


@pytest.mark.parametrize("degrees", [-3.0, 0.0, 3.0])
def test_columns_are_read_one_after_the_other(degrees: float) -> None:
    rows = order_rows(skewed(COLUMNS, degrees))

    assert rows == [[16], *([index] for index in range(16)), [17]]


@pytest.mark.parametrize("degrees", [-2.0, 0.0, 2.0])
def test_items_and_prices_share_a_row(degrees: float) -> None:
    rows = order_rows(skewed(RECEIPT, degrees))

    assert rows == [[1, 0], [3, 2], [5, 4], [7, 6], [9, 8]]


def test_right_to_left_script_is_read_from_the_right() -> None:
    rows = order_rows([box(0, 0, 100), box(120, 0, 100)], right_to_left=True)

    assert rows == [[1, 0]]


def test_short_last_line_of_a_paragraph_stays_in_its_column() -> None:
    left = [box(0, 30 * row, 300 if row != 3 else 60) for row in range(7)]
    right = [box(340, 30 * row, 300) for row in range(7)]

    rows = order_rows([*left, *right])

    assert rows == [[index] for index in range(14)]


def test_corners_of_a_row_span_its_pieces() -> None:
    corners = row_corners(RECEIPT, [1, 0])

    np.testing.assert_allclose(corners, [[0, 0], [450, 3], [450, 23], [0, 20]])


def test_page_of_a_thousand_pieces_is_ordered() -> None:
    pieces = [box(100 * (index % 10), 30 * (index // 10), 60) for index in range(1000)]

    rows = order_rows(pieces)

    assert sorted(index for row in rows for index in row) == list(range(1000))


def test_caption_between_two_columns_comes_after_both() -> None:
    narrow = range(6, 14)
    left = [box(0, 30 * row, 200 if row in narrow else 300) for row in range(20)]
    right = [
        box(440, 30 * row, 200) if row in narrow else box(340, 30 * row, 300) for row in range(20)
    ]
    caption = [box(250, 240 + 30 * row, 140) for row in range(4)]

    rows = order_rows([*left, *right, *caption])

    assert rows == [[index] for index in range(44)]


def test_foot_of_the_page_comes_last() -> None:
    left = [box(0, 30 * row, 300) for row in range(8)]
    right = [box(340, 30 * row, 300) for row in range(8)]

    rows = order_rows([box(0, 270, 100), *left, *right])

    assert rows == [*([index] for index in range(1, 17)), [0]]


def test_line_of_one_short_word_stays_in_its_paragraph() -> None:
    rows = order_rows([box(0, 0, 300), box(-4, 30, 12), box(0, 60, 300), box(0, 90, 300)])

    assert rows == [[0], [1], [2], [3]]


@pytest.mark.parametrize("degrees", [-3.0, 0.0, 3.0])
def test_columns_that_run_down_are_read_from_the_right(degrees: float) -> None:
    columns = [box(600 - 50 * column, 0, 30, 500 if column else 200) for column in (2, 0, 1)]

    rows = order_rows([downward(column) for column in skewed(columns, degrees)])

    assert rows == [[1], [2], [0]]


def test_pieces_of_a_column_that_runs_down_are_one_row() -> None:
    pieces = [downward(box(600, 260, 30, 240)), downward(box(600, 0, 30, 240))]

    (row,) = order_rows(pieces)

    assert row == [1, 0]
    np.testing.assert_allclose(row_corners(pieces, row), downward(box(600, 0, 30, 500)))


@pytest.mark.parametrize(
    ("height", "tilt", "step"), [(54.0, 6.0, 170.0), (24.0, -2.6, 60.0), (90.0, 9.0, 200.0)]
)
def test_labels_and_values_of_a_form_share_rows(height: float, tilt: float, step: float) -> None:
    """The detector's boxes of short words lean by a tenth of their height, their lines do not."""
    labels = [box(200, 300 + step * row, 3.2 * height, height) for row in range(5)]
    labels[0] += np.array([[0.0, 0.0], [0.0, tilt], [0.0, tilt], [0.0, 0.0]])
    values = [box(1600, 304 + step * row, 1.2 * height, height) for row in range(5)]

    rows = order_rows([*labels, *values])

    assert rows == [[row, row + 5] for row in range(5)]
