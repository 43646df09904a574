"""Detection and correction of skew."""

import numpy as np
import pytest

from ocr.skew import find_skew, straighten
from tests.ocr.printed import leaning, rectangle

LINES = [rectangle(100, 100 + 60 * row, 700, 40) for row in range(6)]


@pytest.mark.parametrize("degrees", [-44.0, -15.0, -0.5, 0.0, 3.0, 20.0, 44.0])
def test_skew_is_that_of_the_lines(degrees: float) -> None:
    assert find_skew([leaning(line, degrees) for line in LINES]) == pytest.approx(degrees)


def test_downward_lines_lean_from_the_vertical() -> None:
    columns = [rectangle(100 * column, 100, 40, 600) for column in range(1, 5)]

    assert find_skew([leaning(column, 6) for column in columns]) == pytest.approx(6)


def test_long_lines_outweigh_many_short_words() -> None:
    stamp = [leaning(rectangle(500, 500 + 20 * row, 60, 15), 30) for row in range(8)]

    assert find_skew([*LINES, *stamp]) == pytest.approx(0)


def test_pieces_too_short_to_tell_do_not_lean() -> None:
    assert find_skew([]) == 0
    assert find_skew([leaning(rectangle(100, 100, 40, 40), 10)]) == 0


def test_straight_page_leads_back_to_the_leaning_one() -> None:
    dot = leaning(rectangle(300, 300, 8, 8), 10)
    pixels = np.full((800, 1000, 3), 255, np.uint8)
    x, y = dot.mean(axis=0).round().astype(int)
    pixels[y - 4 : y + 4, x - 4 : x + 4] = 0

    page = straighten(pixels, 10, [leaning(line, 10) for line in LINES])

    rows, columns = np.nonzero(page.pixels[:, :, 0] < 128)
    found = np.array([[columns.mean(), rows.mean()]])
    np.testing.assert_allclose(page.to_leaning(found), [[x, y]], atol=1)
    assert page.skew_degrees == 10


def test_straight_page_is_cut_to_its_text() -> None:
    pixels = np.full((800, 1000, 3), 255, np.uint8)

    page = straighten(pixels, 10, [leaning(line, 10) for line in LINES])

    height, width = page.pixels.shape[:2]
    assert (width, height) == pytest.approx((700 + 2 * 35, 340 + 2 * 35), abs=1)
