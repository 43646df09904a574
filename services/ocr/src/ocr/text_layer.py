"""Text that a PDF page brings along, taken instead of reading where it covers what is drawn."""

import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np

from ocr.blocks import find_blocks
from ocr.doubts import uncovered_rows_of
from ocr.engines import PageLine, PageWord
from ocr.ink import TiledImage
from ocr.languages import Language
from ocr.preparation import Corners, FittedImage, box_corners
from ocr.reading import Page, language_of
from ocr.scripts import runs_leftward, script_of

TEXT_LAYER: Final = "text-layer"  # the route of a page whose text was brought along

_MOST_STRANGE: Final = 0.02  # of the letters: a font without a table of its letters gives such
_MOST_UPRIGHT: Final = 0.1  # of the longer words are higher than wide where the text is level
_LONG_WORD: Final = 4
_STRANGE: Final = frozenset({"Co", "Cn", "Cs", "Cc"})  # Unicode's categories of what is no letter
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

LayerLine = tuple[PageWord, ...]  # places are in pixels of the drawn page


def page_of_layer(
    lines: Sequence[LayerLine], fitted: FittedImage, languages: Sequence[Language]
) -> Page | None:
    """Return the page that the layer gives; None where the page has to be read.

    It has to where no language was asked for, where the layer does not cover all rows of ink that
    look like text, as in a scan with a stamped page number, and where its letters are strange, lie
    on their side or run from right to left, whose order in the file is not told.
    """
    text = "".join(word.text for line in lines for word in line)
    if not (languages and text) or is_strange(text) or _is_turned(lines) or runs_leftward(text):
        return None
    places = [np.concatenate([word.corners for word in line]) for line in lines]
    corners = [box_corners(*place.min(axis=0), *place.max(axis=0)) for place in places]
    drawn = TiledImage(fitted.pixels)
    if uncovered_rows_of(drawn, [_fitted(place, fitted) for place in corners]):
        return None
    blocks = find_blocks(corners)
    found = [
        _line(line, place, languages, block)
        for line, place, block in zip(lines, corners, blocks.of_lines, strict=True)
    ]
    return Page(tuple(found), 0, TEXT_LAYER, tuple(languages), blocks.corners)


def _line(line: LayerLine, corners: Corners, languages: Sequence[Language], block: int) -> PageLine:
    text = " ".join(word.text for word in line)
    language = language_of(text, languages)
    return PageLine(text, 1.0, corners, line, block, script_of(text), language)


def is_strange(text: str) -> bool:
    """Return whether letters of a text are none, as from a font without a table of its letters."""
    strange = sum(
        letter == _REPLACEMENT or unicodedata.category(letter) in _STRANGE for letter in text
    )
    return strange > _MOST_STRANGE * len(text)


def _is_turned(lines: Sequence[LayerLine]) -> bool:
    long = [word.corners for line in lines for word in line if len(word.text) >= _LONG_WORD]
    sizes = [np.ptp(corners, axis=0) for corners in long]
    upright = sum(bool(height > width) for width, height in sizes)
    return upright > _MOST_UPRIGHT * len(long)


def _fitted(corners: Corners, fitted: FittedImage) -> Corners:
    """Return corners in pixels of the drawn page in those of the page as it is read."""
    placed: Corners = corners * (fitted.scale * np.array(fitted.stretch)) + (0.0, fitted.top_px)
    return placed
