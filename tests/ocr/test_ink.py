"""Ink that no line covers, and the second detection around it."""

import numpy as np
import pytest

from modelkit.images import RgbImage
from ocr.doubts import SMALL_LETTERS, UNREAD_INK, find_doubts
from ocr.finding import find_pieces
from ocr.ink import TiledImage, find_ink, is_plain_stroke, uncovered_rows
from ocr.preparation import Corners
from tests.ocr.written import PANGRAM, draw_lines

ROWS = [PANGRAM, "Nine long lines of plain text stand here", "and say nothing but that they do"]
# (size of the letters, which row is missing, levels of ground and ink)
KINDS = [(32, 1, (255, 0)), (18, 0, (30, 220)), (48, 2, (235, 90))]


def page(size_px: int, levels: tuple[int, int]) -> RgbImage:
    ground, ink = levels
    black = draw_lines(*ROWS, size_px=size_px, width=1300)
    return (ink + (black / 255 * (ground - ink))).astype(np.uint8)


def boxes(size_px: int, *rows: int) -> list[Corners]:
    """Return where `draw_lines` writes its lines."""
    tops = [30 + row * size_px * 2 for row in rows]
    return [
        np.array(
            [[35.0, top], [1280.0, top], [1280.0, top + 1.3 * size_px], [35.0, top + 1.3 * size_px]]
        )
        for top in tops
    ]


class NearsightedDetector:
    """Detector that misses one row of a page and finds it in a crop."""

    def __init__(self, size_px: int, missing: int) -> None:
        self._size_px = size_px
        self._missing = missing
        self.calls = 0

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return all rows but one, then whatever is in the middle of a crop."""
        self.calls += 1
        if self.calls == 1:
            return boxes(self._size_px, *(row for row in range(3) if row != self._missing))
        height, width = (float(side) for side in pixels.shape[:2])
        top, bottom = 0.35 * height, 0.65 * height
        return [np.array([[48.0, top], [width - 48, top], [width - 48, bottom], [48.0, bottom]])]


@pytest.mark.parametrize(("size_px", "missing", "levels"), KINDS)
def test_row_that_no_line_covers_is_found(
    size_px: int, missing: int, levels: tuple[int, int]
) -> None:
    ink = find_ink(page(size_px, levels))

    rows = uncovered_rows(ink, boxes(size_px, *(row for row in range(3) if row != missing)))

    assert ink.is_calm
    (row,) = [row for row in rows if row.aspect > 3]
    assert (
        30 + missing * size_px * 2 - 3 <= row.top < row.bottom <= 30 + size_px * (2 * missing + 1.4)
    )


@pytest.mark.parametrize(("size_px", "missing", "levels"), KINDS)
def test_row_that_the_detector_passed_over_is_looked_at_again(
    size_px: int, missing: int, levels: tuple[int, int]
) -> None:
    detector = NearsightedDetector(size_px, missing)

    pieces = find_pieces(detector, TiledImage(page(size_px, levels)))

    assert len(pieces) == 3
    middle = float(pieces[-1][:, 1].mean())
    assert abs(middle - (30 + missing * size_px * 2 + 0.65 * size_px)) < 0.5 * size_px
    assert detector.calls == 2


def test_covered_page_is_looked_at_once() -> None:
    detector = NearsightedDetector(32, missing=-1)

    find_pieces(detector, TiledImage(page(32, (255, 0))))

    assert detector.calls == 1


@pytest.mark.parametrize(("size_px", "missing", "levels"), KINDS)
def test_unread_row_is_told(size_px: int, missing: int, levels: tuple[int, int]) -> None:
    lines = boxes(size_px, *(row for row in range(3) if row != missing))

    warnings = find_doubts(TiledImage(page(size_px, levels)), lines, scale=1.0)

    assert [warning.code for warning in warnings] == [UNREAD_INK]
    assert warnings[0].message.startswith("1 rows")


@pytest.mark.parametrize("size_px", [8, 9, 10])
def test_small_letters_are_told(size_px: int) -> None:
    image = TiledImage(page(size_px, (255, 0)))

    warnings = find_doubts(image, boxes(size_px, 0, 1, 2), scale=0.5)

    assert [warning.code for warning in warnings] == [SMALL_LETTERS]
    assert "2.0 times smaller" in warnings[0].message


def test_page_that_was_read_whole_has_no_warnings() -> None:
    assert find_doubts(TiledImage(page(32, (255, 0))), boxes(32, 0, 1, 2), scale=1.0) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_texture_is_no_ink_of_a_page(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (400, 600, 3)).astype(np.uint8)

    assert not find_ink(noise).is_calm


def test_plain_stroke_is_told_from_a_letter() -> None:
    stroke = np.full((60, 60, 3), 255, np.uint8)
    stroke[16:44, 22:25] = 0
    flagged = stroke.copy()
    flagged[16:20, 14:22] = 0
    box = np.array([[8.0, 8.0], [40.0, 8.0], [40.0, 52.0], [8.0, 52.0]])

    assert is_plain_stroke(stroke, box)
    assert is_plain_stroke(255 - stroke, box)
    assert not is_plain_stroke(flagged, box)
