"""Warnings about a page that was read: letters passed over, and letters too small to read."""

from collections.abc import Sequence

from modelkit.doubts import ImageWarning
from ocr.ink import InkRow, TiledImage, uncovered_rows
from ocr.preparation import Corners, line_height

UNREAD_INK = "unread_ink"
SMALL_LETTERS = "small_letters"

_TEXT_ASPECT = 3.0  # a row longer than this is likely text; a shorter one may be a logo or a speck
_LONE_ROWS = 2  # a page where nothing was read and no more rows are seen may hold a single letter
_LEGIBLE_PX = 14.0  # least height of a line with its accents and descenders
_SMALL_SHARE = 0.1  # of the lines of a page


def find_doubts(image: TiledImage, lines: Sequence[Corners], *, scale: float) -> list[ImageWarning]:
    """Return the warnings about a page.

    Args:
        image: the page as it was read.
        lines: the corners of the lines that were read, in pixels of the image.
        scale: pixels of the image for one pixel of the original.
    """
    warnings = []
    unread = uncovered_rows_of(image, lines)
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


def uncovered_rows_of(image: TiledImage, lines: Sequence[Corners]) -> list[InkRow]:
    """Return the rows of all tiles that look like text and that no line covers."""
    found: list[InkRow] = []
    for tile in image.tiles:
        ink = image.ink_of(tile)
        within = [line - (tile.left, tile.top) for line in lines]
        rows = uncovered_rows(ink, within) if ink.is_calm else []
        if lines or len(rows) > _LONE_ROWS:
            rows = [row for row in rows if row.aspect >= _TEXT_ASPECT]
        found += rows
    return found
