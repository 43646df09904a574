"""Draws one page of a PDF in a process of its own: python -m ocr.drawing PAGE LIMITS < FILE.

pdfium is C++ and its files come from strangers. One that makes it crash, or take for ever or all
memory, is lost with this process and harms nobody else; and pdfium is not thread-safe. Standard
output gets one line of JSON, then the pixels.
"""

import json
import math
import resource
import sys
from dataclasses import asdict, dataclass, field
from typing import IO

import pypdfium2  # type: ignore[import-untyped]  # no py.typed
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]  # as above

# Python and pdfium need 60 MB beside the file and the largest page of 27 MB; the rest is for the
# images within a page, which pdfium holds decoded.
_MEMORY_BYTES = 512 * 1024 * 1024
_PROCESSOR_S = 60
_POINTS_PER_INCH = 72
_PASSWORD = 4  # FPDF_ERR_PASSWORD of pdfium's fpdfview.h

_MOST_LETTERS = 50_000  # of a page; each takes 20 us
_LINE_ENDS = frozenset("\r\n")
_HYPHENS = frozenset({0x02, 0xFFFE})  # as pdfium marks one at the end of a line

Box = tuple[float, float, float, float]
Word = tuple[str, float, float, float, float]

# What can be wrong with a PDF, as the parent is told.
ASKS_FOR_PASSWORD = "password"  # noqa: S105 - not one
DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class DrawingLimits:
    """Limits of the size of a drawn page.

    Attributes:
        dots_per_inch: what is wished for.
        max_side_px: fewer dots where the page would be longer.
        max_pixels: fewer dots where it would have more.
    """

    dots_per_inch: int
    max_side_px: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """Header of a drawn page; (height, width, 3) bytes of sRGB follow.

    Attributes:
        fault: `ASKS_FOR_PASSWORD`, `DAMAGED`, or empty.
        page_count: pages of the document.
        width: of the drawn page in pixels; 0 where none was asked for.
        height: the same.
        dots_per_inch: what the page was drawn at.
        lines: words of each line of text that the page brings along, as (text, left, top, right,
            bottom) in pixels; empty where it has too many letters.
        corners: where the upper left, the upper right and the lower left corner of the drawn page
            lie in the coordinates of the PDF page, which may be turned and cropped.
        is_signed: whether the document has a signature; told where no page was asked for.
    """

    fault: str = ""
    page_count: int = 0
    width: int = 0
    height: int = 0
    dots_per_inch: int = 0
    lines: list[list[Word]] = field(default_factory=list)
    corners: list[tuple[float, float]] = field(default_factory=list)
    is_signed: bool = False


def main() -> None:
    """Draw the page of the first argument, counted from 1; with 0, only count the pages."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_S, _PROCESSOR_S))
    limits = DrawingLimits(**json.loads(sys.argv[2]))
    draw(sys.stdin.buffer.read(), int(sys.argv[1]), limits, out=sys.stdout.buffer)


def draw(content: bytes, number: int, limits: DrawingLimits, *, out: IO[bytes]) -> None:
    """Write a `Drawn` and the pixels of page `number`; with 0, only count the pages."""
    try:
        pdf = pypdfium2.PdfDocument(content)
        pdf.init_forms()  # else what was filled into its fields is not drawn
        page_count = len(pdf)
        page = pdf[number - 1] if number else None
    except pypdfium2.PdfiumError as error:
        fault = ASKS_FOR_PASSWORD if error.err_code == _PASSWORD else DAMAGED
        _tell(Drawn(fault=fault), out)
        return
    if page is None:
        _tell(Drawn(page_count=page_count, is_signed=_is_signed(pdf)), out)
        return
    width, height = page.get_size()
    scale = _scale(width, height, limits)
    bitmap = page.render(scale=scale, rev_byteorder=True)
    dots_per_inch = max(1, round(scale * _POINTS_PER_INCH))
    size_px = (bitmap.width, bitmap.height)
    places = bitmap.get_posconv(page)
    corners = [places.to_page(*corner) for corner in ((0, 0), (size_px[0], 0), (0, size_px[1]))]
    lines = _lines_of(page.get_textpage(), places)
    _tell(Drawn("", page_count, *size_px, dots_per_inch, lines, corners), out)
    rows = memoryview(bitmap.buffer).cast("B")
    for start in range(0, bitmap.height * bitmap.stride, bitmap.stride):
        out.write(rows[start : start + 3 * bitmap.width])


def _lines_of(text: pypdfium2.PdfTextPage, places: pypdfium2.PdfPosConv) -> list[list[Word]]:
    """Return the words of a page's text, line by line."""
    if text.count_chars() > _MOST_LETTERS:
        return []
    lines: list[list[Word]] = [[]]
    word = ""
    boxes: list[Box] = []
    for number in range(text.count_chars()):
        letter = _letter(pdfium.FPDFText_GetUnicode(text, number))
        if letter.isspace() or not letter:
            if word:
                lines[-1].append(_word(word, boxes))
            word, boxes = "", []
            if letter in _LINE_ENDS and lines[-1]:
                lines.append([])
            continue
        word += letter
        boxes.append(_box(text, number, places))
    if word:
        lines[-1].append(_word(word, boxes))
    return [line for line in lines if line]


def _is_signed(pdf: pypdfium2.PdfDocument) -> bool:
    signatures = (
        pdfium.FPDF_GetSignatureObject(pdf, number)
        for number in range(max(0, pdfium.FPDF_GetSignatureCount(pdf)))
    )
    return any(pdfium.FPDFSignatureObj_GetContents(each, None, 0) for each in signatures)


def _letter(code: int) -> str:
    if code in _HYPHENS:
        return "-"
    return chr(code) if 0 < code <= sys.maxunicode else ""


def _word(text: str, boxes: list[Box]) -> Word:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    box = min(lefts), min(tops), max(rights), max(bottoms)
    return (text, *(round(number, 1) for number in box))


def _box(text: pypdfium2.PdfTextPage, number: int, places: pypdfium2.PdfPosConv) -> Box:
    """Return where a letter stands in pixels, with the room of its font above and below."""
    left, bottom, right, top = text.get_charbox(number, loose=True)
    (x0, y0), (x1, y1) = places.to_bitmap(left, top), places.to_bitmap(right, bottom)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _tell(drawn: Drawn, out: IO[bytes]) -> None:
    out.write(json.dumps(asdict(drawn)).encode() + b"\n")


def _scale(width: float, height: float, limits: DrawingLimits) -> float:
    """Return how many pixels a point of the page becomes."""
    longest, area = max(width, height), max(width * height, sys.float_info.min)
    return min(
        limits.dots_per_inch / _POINTS_PER_INCH,
        # A pixel less, for the sides are rounded up.
        (limits.max_side_px - 1) / longest,
        math.sqrt(limits.max_pixels / area),
    )


if __name__ == "__main__":
    main()
