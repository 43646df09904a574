"""Warnings about a page that was read: letters passed over, and letters too small to read."""

from collections.abc import Sequence

import numpy as np

from modelkit.doubts import ImageWarning
from modelkit.images import RgbImage
from ocr.ink import InkRow, find_ink, uncovered_rows
from ocr.preparation import Corners, line_height
from ocr.tiling import cut_tiles

UNREAD_INK = "unread_ink"
SMALL_LETTERS = "small_letters"

_TEXT_ASPECT = 3.0  # a row longer than this is likely text; a shorter one may be a logo or a speck
_LONE_ROWS = 2  # a page where nothing was read and no more rows are seen may hold a single letter
_LEGIBLE_PX = 14.0  # least height of a line with its accents and descenders
_SMALL_SHARE = 0.1  # of the lines of a page


def find_doubts(pixels: RgbImage, lines: Sequence[Corners], *, scale: float) -> list[ImageWarning]:
    """Return the warnings about a page.

    Args:
        pixels: (height, width, 3) uint8, the page as it was read.
        lines: the corners of the lines that were read, in pixels of `pixels`.
        scale: pixels of `pixels` for one pixel of the original.
    """
    warnings = []
    unread = [row for tile in uncovered_rows_of(pixels, lines) for row in tile]
    if unread:
        warnings.append(
            ImageWarning(
                UNREAD_INK,
                f"{len(unread)} rows of marks that look like letters were not read; "
                "send that part of the image alone or larger",
            )
        )
    small = sum(line_height(line) < _LEGIBLE_PX for line in lines)
    if lines and small >= _SMALL_SHARE * len(lines):
        made = f" after the image was made {1 / scale:.1f} times smaller" if scale < 1 else ""
        warnings.append(
            ImageWarning(
                SMALL_LETTERS,
                f"{small} of {len(lines)} lines are under {_LEGIBLE_PX:.0f} px high{made}; "
                "send the image larger or in parts",
            )
        )
    return warnings


def uncovered_rows_of(pixels: RgbImage, lines: Sequence[Corners]) -> list[list[InkRow]]:
    """Return the rows of each tile that look like text and that no line covers."""
    found = []
    for tile in cut_tiles(*pixels.shape[:2]):
        ink = find_ink(np.ascontiguousarray(tile.of(pixels)))
        within = [line - (tile.left, tile.top) for line in lines]
        rows = uncovered_rows(ink, within) if ink.is_calm else []
        if lines or len(rows) > _LONE_ROWS:
            rows = [row for row in rows if row.aspect >= _TEXT_ASPECT]
        found.append(rows)
    return found
