"""Page as a reader returns it, written by hand."""

from collections.abc import Sequence
from io import BytesIO
from xml.etree.ElementTree import Element, fromstring

import numpy as np
from PIL import Image

from ocr.asking import find_language
from ocr.engines import PageLine, PageWord
from ocr.formats import PrintedPage
from ocr.languages import PP_OCR_LINES
from ocr.preparation import Corners
from ocr.reading import Page
from ocr.scripts import script_of

WIDTH_PX, HEIGHT_PX = 1000, 800
LETTER_PX, LINE_PX = 20, 40


def rectangle(left: float, top: float, width: float, height: float) -> Corners:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def leaning(corners: Corners, degrees: float) -> Corners:
    """Turn corners clockwise about the middle of the page."""
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = np.array([WIDTH_PX, HEIGHT_PX]) / 2
    turned: Corners = (corners - middle) @ matrix + middle
    return turned


def written_line(text: str, top: float, *, block: int = 0, degrees: float = 0.0) -> PageLine:
    """Return a line whose letters are 20 pixels wide, from its left or, in Arabic, its right."""
    leftward = script_of(text) in {"Arab", "Hebr"}
    words, start = [], 100.0
    for word in text.split():
        width = LETTER_PX * len(word)
        left = WIDTH_PX - start - width if leftward else start
        place = _place(rectangle(left, top, width, LINE_PX), degrees, leftward=leftward)
        words.append(PageWord(word, 0.9, place))
        start += width + LETTER_PX
    length = start - LETTER_PX - 100
    left = WIDTH_PX - 100 - length if leftward else 100
    corners = _place(rectangle(left, top, length, LINE_PX), degrees, leftward=leftward)
    return PageLine(text, 0.9, corners, tuple(words), block, script_of(text))


def printed_page(
    lines: Sequence[PageLine], *, code: str = "eng", number: int = 1, dots_per_inch: int = 72
) -> PrintedPage:
    """Return a page with these lines."""
    page = Page(
        tuple(lines),
        rotation_degrees=0,
        route=PP_OCR_LINES,
        languages=(find_language(code),),
        blocks=tuple(
            rectangle(100, 100 + 200 * block, 800, 150)
            for block in sorted({line.block for line in lines})
        ),
    )
    return PrintedPage(page, number, WIDTH_PX, HEIGHT_PX, dots_per_inch, _blank_jpeg())


def parsed(content: bytes) -> Element:
    """Return the root of a document that a test has written."""
    return fromstring(content)  # noqa: S314 - it is our own


def _place(corners: Corners, degrees: float, *, leftward: bool) -> Corners:
    """Return corners of a leaning line from where reading starts."""
    turned = leaning(corners, degrees) if degrees else corners
    rolled: Corners = np.roll(turned, -1, axis=0) if leftward else turned
    return rolled


def _blank_jpeg() -> bytes:
    file = BytesIO()
    Image.new("RGB", (WIDTH_PX, HEIGHT_PX), "white").save(file, "JPEG")
    return file.getvalue()
