"""Writer of searchable PDFs: page images, or layers for a PDF, with invisible text."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from pikepdf import Dictionary, Name, Object, Pdf, pdfa
from PIL import Image

from ocr.engines import PageWord
from ocr.formats.geometry import for_xml, from_the_left
from ocr.formats.invisible_font import ASCENT, DESCENT, LETTER_WIDTH, InvisibleFont
from ocr.formats.printed import PrintedPage, Writer
from ocr.preparation import Corners
from ocr.scripts import runs_leftward
from servicekit.errors import InvalidRequest

_ARCHIVAL = "2b"  # level of PDF/A, ISO 19005-2
_POINTS_PER_INCH = 72
_UNKNOWN_DOTS_PER_INCH = 70  # what Tesseract takes for an image that does not tell
_MOST_POINTS = 14_400  # the longest side of a page; PDF 32000-1, annex C
_INVISIBLE = 3  # PDF's text rendering mode
_THOUSAND = 1000  # widths of a font are in thousandths of its size
_QUARTER = 90
# Poppler takes letters for two words when one stands half a point higher, so words that lean a
# little are laid level; at 8 degrees the ends of one of five letters are off by a sixth of a line.
_MOST_STEADIED_DEGREES = 8.0
_WORD_SPACE = 0.2  # least space after a word, of its size: Poppler joins words with less than .15
_RIGHTWARD = frozenset({"L", "EN", "AN"})  # Unicode's classes of letters and digits from the left
_LEAST_POINTS = 0.1
_COLORS = {"L": Name.DeviceGray, "RGB": Name.DeviceRGB}


def _write(pages: Sequence[PrintedPage]) -> bytes:
    """Return the document; the JPEG of each page is kept as it is."""
    pdf, font = Pdf.new(), InvisibleFont()
    contents = [_content(printed, font) for printed in pages]
    written = font.add_to(pdf)
    for printed, content in zip(pages, contents, strict=True):
        along, down = _points_per_pixel(printed)
        size = (printed.width_px * along, printed.height_px * down)
        page = pdf.add_blank_page(page_size=size)
        page.obj.Resources = Dictionary(
            Font=Dictionary(F=written), XObject=Dictionary(P=_image(pdf, printed.jpeg))
        )
        page.obj.Contents = pdf.make_stream(content)
    pdfa.prepare(pdf, _ARCHIVAL)
    with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
        del metadata["xmp:MetadataDate"]  # the same pages make the same file
    file = BytesIO()
    pdf.save(file, **pdfa.resolve_save_kwargs(_ARCHIVAL, deterministic_id=True))
    return file.getvalue()


WRITER = Writer(_write, "application/pdf")


def write_layers(pages: Sequence[PrintedPage]) -> bytes:
    """Return a PDF of the text that pages of a PDF lack, in the coordinates of those pages.

    Each of its pages has a content that leaves no trace in the state of what is drawn after it.
    """
    pdf, font = Pdf.new(), InvisibleFont()
    contents = [_layer(printed, font) for printed in pages]
    written = font.add_to(pdf)
    for content in contents:
        page = pdf.add_blank_page()
        page.obj.Resources = Dictionary(Font=Dictionary(F=written))
        page.obj.Contents = pdf.make_stream(content)
    file = BytesIO()
    pdf.save(file)
    return file.getvalue()


def _layer(printed: PrintedPage, font: InvisibleFont) -> bytes:
    along, down = _points_per_pixel(printed)
    upper_left, upper_right, lower_left = np.array(printed.corners)
    rightward = (upper_right - upper_left) / (printed.width_px * along)
    upward = (upper_left - lower_left) / (printed.height_px * down)
    matrix = " ".join(f"{number:.6f}" for number in (*rightward, *upward, *lower_left))
    words = "\n".join(_words(_without_own(printed), font))
    return f"q {matrix} cm\nBT {_INVISIBLE} Tr\n{words}\nET Q\n".encode("ascii")


def _without_own(printed: PrintedPage) -> PrintedPage:
    """Return a page without the words that stand where the PDF has text already."""
    if not printed.own_words:
        return printed
    own = np.array(printed.own_words)
    lines = [
        replace(line, words=tuple(word for word in line.words if not _is_within(word, own)))
        for line in printed.page.lines
    ]
    lines = [line for line in lines if line.words]
    return replace(printed, page=replace(printed.page, lines=tuple(lines)))


def _is_within(word: PageWord, places: NDArray[np.float64]) -> bool:
    """Return whether the middle of a word is within one of (count, 4, 2) places."""
    middle = word.corners.mean(axis=0)
    return bool(((places.min(axis=1) <= middle) & (middle <= places.max(axis=1))).all(axis=1).any())


def _points_per_pixel(printed: PrintedPage) -> tuple[float, float]:
    """Return the width and the height of a pixel in points."""
    along = printed.dots_per_inch or _UNKNOWN_DOTS_PER_INCH
    down = printed.vertical_dots_per_inch or along
    width, height = _POINTS_PER_INCH / along, _POINTS_PER_INCH / down
    longest = max(printed.width_px * width, printed.height_px * height)
    share = min(1.0, _MOST_POINTS / longest)
    return width * share, height * share


def _image(pdf: Pdf, jpeg: bytes) -> Object:
    with Image.open(BytesIO(jpeg)) as image:
        (width, height), mode = image.size, image.mode
    if mode not in _COLORS:
        raise InvalidRequest(f"a page is a JPEG of mode {mode}; make it one of {list(_COLORS)}")
    return pdf.make_stream(
        jpeg,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=width,
        Height=height,
        ColorSpace=_COLORS[mode],
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )


def _content(printed: PrintedPage, font: InvisibleFont) -> bytes:
    """Return the drawing: the image over the whole page, then each word."""
    along, down = _points_per_pixel(printed)
    width, height = printed.width_px * along, printed.height_px * down
    words = "\n".join(_words(printed, font))
    drawing = f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /P Do Q\nBT {_INVISIBLE} Tr\n{words}\nET\n"
    return drawing.encode("ascii")


def _words(printed: PrintedPage, font: InvisibleFont) -> Iterator[str]:
    scale = np.array(_points_per_pixel(printed))
    for line in printed.page.lines:
        # PDF counts from the bottom.
        places = [
            ((0, printed.height_px) + from_the_left(printed.page, word.corners) * (1, -1)) * scale
            for word in line.words
        ]
        for word, place, following in zip(line.words, places, [*places[1:], None], strict=True):
            yield _word(for_xml(word.text), place, following, font)


def _word(text: str, place: Corners, following: Corners | None, font: InvisibleFont) -> str:
    """Return the operators that show a word: its font as high, its letters as long as the word.

    Args:
        text: the word.
        place: its corners in points from the lower left of the page, its upper left one first.
        following: those of the next word of its line.
        font: what it is written with.
    """
    along, up = place[2] - place[3], place[0] - place[3]
    length, size = (max(float(np.hypot(*side)), _LEAST_POINTS) for side in (along, up))
    angle = math.radians(_steady(math.degrees(math.atan2(along[1], along[0]))))
    forward = np.array([math.cos(angle), math.sin(angle)])
    upward = np.array([-forward[1], forward[0]])
    shown = length
    if following is not None:
        lacking = max(0.0, _WORD_SPACE * size - _gap(place @ forward, following @ forward))
        shown = max(length - lacking, length / 2)
    stretch = 100 * shown * _THOUSAND / (len(text) * LETTER_WIDTH * size)
    text = _from_the_left(text)
    base = -0.5 - DESCENT / (ASCENT - DESCENT)  # of the size, from the middle of the word
    start = place.mean(axis=0) + upward * base * size - forward * length / 2
    matrix = " ".join(f"{number:.4f}" for number in (*forward, *upward, *start))
    codes = font.encode(text if following is None else text + " ").hex()
    return f"/F {size:.3f} Tf {stretch:.3f} Tz {matrix} Tm <{codes}> Tj"


def _from_the_left(text: str) -> str:
    """Return a word with its letters as they stand on the page; readers put them into order."""
    if not runs_leftward(text):
        return text
    runs = groupby(text, key=lambda letter: unicodedata.bidirectional(letter) in _RIGHTWARD)
    placed = ["".join(run) if rightward else "".join(run)[::-1] for rightward, run in runs]
    return "".join(reversed(placed))


def _gap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return how far two ranges are apart; less than 0 where they overlap."""
    return float(max(other.min() - one.max(), one.min() - other.max()))


def _steady(degrees: float) -> float:
    """Return the nearest quarter turn instead of an angle close to it."""
    quarter = round(degrees / _QUARTER) * _QUARTER
    return quarter if abs(degrees - quarter) <= _MOST_STEADIED_DEGREES else degrees
