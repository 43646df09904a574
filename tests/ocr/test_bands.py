"""Rows of clean prose from its ink."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from modelkit.images import RgbImage
from ocr.ink import find_ink
from ocr.prose import find_rows

LEFT, RIGHT = 40, 640
ROWS = (60, 120, 180, 240)  # tops of lines of 30 px


def draw(*boxes: tuple[int, int, int, int]) -> RgbImage:
    """Return black boxes on white: (left, top, right, bottom)."""
    image = Image.new("RGB", (700, 340), "white")
    pen = ImageDraw.Draw(image)
    for left, top, right, bottom in boxes:
        pen.rectangle((left, top, right - 1, bottom - 1), fill="black")
    return np.asarray(image)


def letters(top: int, *, left: int = LEFT, right: int = RIGHT) -> list[tuple[int, int, int, int]]:
    """Return a line of letters of 30 pixels."""
    return [(at, top, at + 14, top + 30) for at in range(left, right, 20)]


def lines(*tops: int) -> list[tuple[int, int, int, int]]:
    """Return whole lines."""
    return [letter for top in tops for letter in letters(top)]


def test_each_line_is_a_row() -> None:
    rows = find_rows(find_ink(draw(*lines(*ROWS))))

    assert rows is not None
    assert [round(float(row[:, 1].mean())) for row in rows] == [top + 15 for top in ROWS]
    assert all(row[0, 0] < LEFT and row[1, 0] > RIGHT - 6 for row in rows)


@pytest.mark.parametrize("above", [True, False])
def test_signs_beside_a_line_belong_to_it(above: bool) -> None:  # noqa: FBT001 - a parameter
    top = 113 if above else 153
    signs = [(at, top, at + 8, top + 5) for at in (80, 200, 420)]

    rows = find_rows(find_ink(draw(*lines(*ROWS), *signs)))

    assert rows is not None
    assert len(rows) == len(ROWS)
    assert rows[1][0, 1] < top < top + 5 < rows[1][2, 1]


def test_lines_whose_signs_touch_are_parted() -> None:
    signs = [(LEFT, top + 30, LEFT + 8, top + 60) for top in ROWS[:-1]]

    rows = find_rows(find_ink(draw(*lines(*ROWS), *signs)))

    assert rows is not None
    assert [round(float(row[:, 1].mean())) for row in rows] == pytest.approx(
        [top + 15 for top in ROWS], abs=6
    )


def test_low_line_between_others_is_a_row_of_their_height() -> None:
    low = [(at, 128, at + 14, 142) for at in range(LEFT, 120, 20)]

    rows = find_rows(find_ink(draw(*lines(60, 180, 240), *low)))

    assert rows is not None
    assert len(rows) == 4
    assert float(rows[1][3, 1] - rows[1][0, 1]) >= 30


@pytest.mark.parametrize(
    "boxes",
    [
        lines(*ROWS[:2]),  # too few to tell
        [*(box for top in ROWS for box in letters(top, right=300)),  # two columns
         *(box for top in ROWS for box in letters(top, left=420))],
        [*lines(*ROWS[:3]), (100, 220, 500, 330)],  # a figure
        [(at, top + at // 40, at + 14, top + at // 40 + 30)  # lines that lean by 1.4 degrees
         for top in ROWS for at in range(LEFT, RIGHT, 20)],
    ],
)  # fmt: skip
def test_other_pages_have_no_rows(boxes: list[tuple[int, int, int, int]]) -> None:
    assert find_rows(find_ink(draw(*boxes))) is None
