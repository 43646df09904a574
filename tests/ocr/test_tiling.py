"""Tiles of long images, and the lines that cross their edges."""

from itertools import pairwise

import numpy as np
import pytest

from modelkit.images import RgbImage
from ocr.finding import find_pieces
from ocr.ink import TiledImage
from ocr.preparation import Corners
from ocr.tiling import cut_tiles, join_pieces


class ExactDetector:
    """Detector that finds black boxes, cut off at the edges of the image."""

    def __init__(self) -> None:
        self.most_pixels = 0

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return a box for each run of rows that are black, and of columns within them."""
        self.most_pixels = max(self.most_pixels, pixels.shape[0] * pixels.shape[1])
        dark = pixels[:, :, 0] < 128
        found = []
        for top, bottom in _runs(np.asarray(dark.any(axis=1))):
            for left, right in _runs(np.asarray(dark[top:bottom].any(axis=0))):
                box = [[left, top], [right, top], [right, bottom], [left, bottom]]
                found.append(np.array(box, np.float64))
        return found


def _runs(marks: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.pad(marks.astype(int), 1)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.mark.parametrize("size", [(600, 800), (1500, 4000), (3508, 2480), (30, 1600)])
def test_usual_image_is_one_tile(size: tuple[int, int]) -> None:
    assert len(cut_tiles(*size)) == 1


@pytest.mark.parametrize("size", [(30_000, 1080), (400, 12_000), (9000, 32)])
def test_tiles_overlap_cover_the_image_and_are_small(size: tuple[int, int]) -> None:
    tiles = cut_tiles(*size)

    assert (tiles[0].left, tiles[0].top) == (0, 0)
    assert (tiles[-1].bottom, tiles[-1].right) == size
    for one, following in pairwise(tiles):
        assert one.right - following.left >= 160 or size[0] > size[1]
        assert one.bottom - following.top >= 160 or size[1] > size[0]
        assert (one.right - one.left) * (one.bottom - one.top) <= 1_750_000


@pytest.mark.parametrize(
    ("width", "height_px", "step"), [(600, 20, 37), (300, 44, 90), (900, 16, 24)]
)
def test_every_line_of_a_long_page_is_found_once(width: int, height_px: int, step: int) -> None:
    pixels = np.full((7001, width, 3), 255, np.uint8)
    tops = range(10, 6900, step)
    for top in tops:
        pixels[top : top + height_px, 20 : width - 40] = 0
    detector = ExactDetector()

    pieces = find_pieces(detector, TiledImage(pixels))

    assert sorted(float(piece[0, 1]) for piece in pieces) == [float(top) for top in tops]
    assert {float(np.ptp(piece[:, 1])) for piece in pieces} == {float(height_px)}
    assert detector.most_pixels <= 1_750_000


@pytest.mark.parametrize(("height", "thickness"), [(120, 30), (400, 60), (60, 40)])
def test_line_along_a_wide_strip_is_found_whole(height: int, thickness: int) -> None:
    pixels = np.full((height, 9000, 3), 255, np.uint8)
    pixels[10 : 10 + thickness, 100:8700] = 0

    pieces = find_pieces(ExactDetector(), TiledImage(pixels))

    ends = sorted((float(piece[0, 0]), float(piece[1, 0])) for piece in pieces)
    assert (ends[0][0], ends[-1][1]) == (100.0, 8700.0)
    # A line that the engines would squeeze comes in parts, end to end.
    for one, following in pairwise(ends):
        assert one[1] == pytest.approx(following[0], abs=1)
    assert all(right - left <= 64 * thickness for left, right in ends)


def test_line_that_one_tile_has_in_pieces_is_not_doubled() -> None:
    tiles = cut_tiles(4000, 600)
    top = float(tiles[1].top) + 20

    def box(left: float, right: float, y: float) -> Corners:
        return np.array([[left, y], [right, y], [right, y + 30], [left, y + 30]])

    whole, pieces = [box(10, 500, top)], [box(10, 200, 20.0), box(220, 500, 20.0)]
    joined = join_pieces(tiles, [whole, pieces, *([] for _ in tiles[2:])])

    assert len(joined) == 1
    np.testing.assert_allclose(joined[0], whole[0])
