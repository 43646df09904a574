"""Overlapping tiles of a long image, and the pieces of lines found in them joined again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from ocr.preparation import LONG_ASPECT, Corners

# Screenshots of 1080 pixels lose no line at 6,400 pixels height and a seventh of them at 11,000.
_TILE_PIXELS = 1_700_000  # what PP-OCR's detector takes without scaling
_MOST_TILE_PX = 1600
_LEAST_OVERLAP_PX = 160
_OVERLAP_SHARE = (
    0.2  # of the shorter side, where a line of that height is whole in one of two tiles
)
_CONTAINED = 0.6  # of the smaller of two pieces, where both are of the same line
_SAME_LINE = 0.5  # least overlap across a line of two pieces that continue each other, in heights


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of an image, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, pixels: RgbImage) -> RgbImage:
        """Return the pixels of the tile."""
        return pixels[self.top : self.bottom, self.left : self.right]


def cut_tiles(height: int, width: int) -> list[Tile]:
    """Return tiles along the longer side of a long image; one tile for any other."""
    longer, shorter = max(height, width), min(height, width)
    if longer <= max(LONG_ASPECT * shorter, _MOST_TILE_PX):
        return [Tile(0, 0, width, height)]
    length = max(shorter, min(_MOST_TILE_PX, _TILE_PIXELS // shorter))
    overlap = max(_LEAST_OVERLAP_PX, round(_OVERLAP_SHARE * shorter))
    count = -(-(longer - overlap) // (length - overlap))
    starts = np.linspace(0, longer - length, count).round().astype(int).tolist()
    if height > width:
        return [Tile(0, start, width, start + length) for start in starts]
    return [Tile(start, 0, start + length, height) for start in starts]


def join_pieces(tiles: Sequence[Tile], found: Sequence[Sequence[Corners]]) -> list[Corners]:
    """Return the pieces of all tiles in pixels of the image, each once and whole.

    Args:
        tiles: in their order along the image.
        found: the pieces of each tile, in its own pixels.
    """
    placed = [
        [piece + np.array([tile.left, tile.top]) for piece in pieces]
        for tile, pieces in zip(tiles, found, strict=True)
    ]
    for number, (tile, following) in enumerate(pairwise(tiles)):
        shared = following.left, following.top, tile.right, tile.bottom
        earlier, later = placed[number], placed[number + 1]
        for piece in [piece for piece in earlier if _is_within(piece, shared)]:
            mates = [other for other in later if _is_within(other, shared)]
            mates = [other for other in mates if _is_one(piece, other)]
            if mates:
                # The joined piece goes on to the later tile, and from there maybe to the next.
                whole = reduce(_joined, mates, piece)
                later = [*(other for other in later if not _is_any(other, mates)), whole]
                earlier = [other for other in earlier if other is not piece]
        placed[number], placed[number + 1] = earlier, later
    return [piece for pieces in placed for piece in pieces]


def _is_any(piece: Corners, pieces: Sequence[Corners]) -> bool:
    return any(piece is other for other in pieces)


def _is_within(piece: Corners, box: tuple[int, int, int, int]) -> bool:
    """Return whether a piece reaches into a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    return bool(
        (piece.max(axis=0) > (left, top)).all() and (piece.min(axis=0) < (right, bottom)).all()
    )


def _is_one(piece: Corners, other: Corners) -> bool:
    """Return whether two pieces show the same line, or one goes on with the other."""
    shared = _shared(piece, other)
    if (shared <= 0).any():
        return False
    sizes = [np.ptp(corners, axis=0) for corners in (piece, other)]
    across = 1 if sizes[0][0] + sizes[1][0] >= sizes[0][1] + sizes[1][1] else 0
    return bool(shared[across] >= _SAME_LINE * min(size[across] for size in sizes))


def _joined(piece: Corners, other: Corners) -> Corners:
    """Return the larger piece or, where one goes on with the other, what spans both."""
    sizes = [float(np.ptp(corners, axis=0).prod()) for corners in (piece, other)]
    if _shared(piece, other).prod() >= _CONTAINED * min(sizes):
        return piece if sizes[0] >= sizes[1] else other
    along = piece[1] - piece[0]
    first = min((piece, other), key=lambda corners: float((corners @ along).min()))
    last = max((piece, other), key=lambda corners: float((corners @ along).max()))
    return np.stack([first[0], last[1], last[2], first[3]])


def _shared(piece: Corners, other: Corners) -> NDArray[np.float64]:
    """Return the width and height that the boxes of two pieces share; else less than 0."""
    shared: NDArray[np.float64] = np.minimum(piece.max(axis=0), other.max(axis=0)) - np.maximum(
        piece.min(axis=0), other.min(axis=0)
    )
    return shared
