"""Text that a PDF page brings along, taken instead of reading where it covers what is drawn."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ocr.blocks import find_blocks
from ocr.doubts import uncovered_rows_of
from ocr.engines import PageLine, PageWord
from ocr.languages import Language
from ocr.preparation import Corners, FittedImage
from ocr.reading import Page, language_of
from ocr.scripts import runs_leftward, script_of

TEXT_LAYER: Final = "text-layer"  # the route of a page whose text was brought along

_MOST_STRANGE: Final = 0.02  # of the letters: a font without a table of its letters gives such
_MOST_UPRIGHT: Final = 0.1  # of the longer words are higher than wide where the text is level
_LONG_WORD: Final = 4
_STRANGE: Final = frozenset({"Co", "Cn", "Cs", "Cc"})  # Unicode's categories of what is no letter
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LayerWord:
    """A word of the layer; `box` is (left, top, right, bottom) in pixels of the drawn page."""

    text: str
    box: Box


LayerLine = tuple[LayerWord, ...]


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
    places = [np.concatenate([_corners(word.box) for word in line]) for line in lines]
    corners = [_corners((*place.min(axis=0), *place.max(axis=0))) for place in places]
    if any(uncovered_rows_of(fitted.pixels, [_fitted(place, fitted) for place in corners])):
        return None
    blocks = find_blocks(corners)
    found = [
        replace(_line(line, place), block=block, language=language_of(_text(line), languages))
        for line, place, block in zip(lines, corners, blocks.of_lines, strict=True)
    ]
    return Page(tuple(found), 0, TEXT_LAYER, tuple(languages), blocks.corners)


def _line(line: LayerLine, corners: Corners) -> PageLine:
    words = tuple(PageWord(word.text, 1.0, _corners(word.box)) for word in line)
    text = _text(line)
    return PageLine(text, 1.0, corners, words, script=script_of(text))


def _text(line: LayerLine) -> str:
    return " ".join(word.text for word in line)


def is_strange(text: str) -> bool:
    """Return whether letters of a text are none, as from a font without a table of its letters."""
    strange = sum(
        letter == _REPLACEMENT or unicodedata.category(letter) in _STRANGE for letter in text
    )
    return strange > _MOST_STRANGE * len(text)


def _is_turned(lines: Sequence[LayerLine]) -> bool:
    long = [word.box for line in lines for word in line if len(word.text) >= _LONG_WORD]
    upright = sum(bottom - top > right - left for left, top, right, bottom in long)
    return upright > _MOST_UPRIGHT * len(long)


def _corners(box: Box) -> Corners:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)


def _fitted(corners: Corners, fitted: FittedImage) -> Corners:
    """Return corners in pixels of the drawn page in those of the page as it is read."""
    placed: Corners = corners * (fitted.scale * np.array(fitted.stretch)) + (0.0, fitted.top_px)
    return placed
