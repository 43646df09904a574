"""Lines become blocks."""

import numpy as np
import pytest

from ocr.blocks import find_blocks
from ocr.preparation import Corners, downward
from tests.ocr.printed import leaning, rectangle

# A heading, two paragraphs with an empty line between them, and a second column.
PAGE = [
    rectangle(100, 20, 400, 80),
    *(rectangle(100, 140 + 50 * row, 300, 40) for row in range(3)),
    *(rectangle(100, 340 + 50 * row, 300, 40) for row in range(2)),
    *(rectangle(500, 140 + 50 * row, 300, 40) for row in range(5)),
]
BLOCKS = (0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3)


def test_page_without_lines_has_no_blocks() -> None:
    assert find_blocks([]).corners == ()


@pytest.mark.parametrize("degrees", [-12.0, 0.0, 12.0, 90.0, 180.0])
def test_headings_paragraphs_and_columns_are_blocks(degrees: float) -> None:
    assert find_blocks([leaning(line, degrees) for line in PAGE]).of_lines == BLOCKS


def test_block_surrounds_its_lines() -> None:
    blocks = find_blocks(PAGE)

    np.testing.assert_allclose(blocks.corners[1], rectangle(100, 140, 300, 140), atol=1e-6)


def test_block_of_a_leaning_page_leans() -> None:
    blocks = find_blocks([leaning(line, 10) for line in PAGE])

    expected = leaning(rectangle(100, 140, 300, 140), 10)
    np.testing.assert_allclose(blocks.corners[1], expected, atol=1e-6)


def test_widely_spaced_lines_are_one_block() -> None:
    lines = [rectangle(100, 100 + 100 * row, 600, 40) for row in range(6)]

    assert set(find_blocks(lines).of_lines) == {0}


def test_columns_that_run_down_are_one_block() -> None:
    columns: list[Corners] = [downward(rectangle(700 - 60 * n, 100, 40, 600)) for n in range(4)]

    assert set(find_blocks(columns).of_lines) == {0}
