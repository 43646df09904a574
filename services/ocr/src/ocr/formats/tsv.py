"""Writer of TSV: a table of words with the columns of Tesseract."""

from collections.abc import Iterator, Sequence

from ocr.engines import PageLine
from ocr.formats.geometry import box, lines_of_blocks
from ocr.formats.printed import PrintedPage, Writer
from ocr.preparation import Corners

_COLUMNS = (
    "level", "page_num", "block_num", "par_num", "line_num", "word_num",
    "left", "top", "width", "height", "conf", "text",
)  # fmt: skip
_NO_CONFIDENCE = "-1"  # of what holds words


def _write(pages: Sequence[PrintedPage]) -> bytes:
    """Return the table: a row for each page, block, paragraph, line and word."""
    rows = [list(_COLUMNS), *(row for page in pages for row in _page_rows(page))]
    return "".join("\t".join(row) + "\n" for row in rows).encode()


WRITER = Writer(_write, "text/tab-separated-values")


def _page_rows(printed: PrintedPage) -> Iterator[list[str]]:
    size = ("0", "0", str(printed.width_px), str(printed.height_px))
    yield ["1", str(printed.number), "0", "0", "0", "0", *size, _NO_CONFIDENCE, ""]
    for number, (corners, lines) in enumerate(lines_of_blocks(printed.page), 1):
        place = [str(printed.number), str(number)]
        yield ["2", *place, "0", "0", "0", *_sides(corners), _NO_CONFIDENCE, ""]
        # A block is one paragraph.
        yield ["3", *place, "1", "0", "0", *_sides(corners), _NO_CONFIDENCE, ""]
        for line_number, line in enumerate(lines, 1):
            yield from _line_rows(line, [*place, "1", str(line_number)])


def _line_rows(line: PageLine, place: list[str]) -> Iterator[list[str]]:
    yield ["4", *place, "0", *_sides(line.corners), _NO_CONFIDENCE, ""]
    for number, word in enumerate(line.words, 1):
        percent = f"{100 * word.confidence:.6f}"
        yield ["5", *place, str(number), *_sides(word.corners), percent, word.text]


def _sides(corners: Corners) -> list[str]:
    left, top, right, bottom = box(corners)
    return [str(side) for side in (left, top, right - left, bottom - top)]
