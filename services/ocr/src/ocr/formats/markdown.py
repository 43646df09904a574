"""Writer of Markdown: headings, paragraphs, lists and tables, as far as the page shows them.

Source: CommonMark 0.31; tables as in GitHub Flavored Markdown.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from ocr.engines import PageLine
from ocr.formats.printed import PrintedPage, Writer
from ocr.layout import level_boxes
from ocr.reading import Page

_PAGE_BREAK = "\n\n---\n\n"
# Heights of a line over the usual one of the page; a line of capitals alone is no heading.
_HEADINGS = ((1.8, "# "), (1.35, "## "))
_MOST_HEADING_LINES = 3
_CELL_GAP = 1.5  # heights between two words of a line that are in two cells
_COLUMN_SHIFT = 1.0  # heights that the left or right ends of a column's cells may differ by
_LEAST_ROWS = 2
_BULLET = re.compile("^[\u2022\u2023\u25aa\u25e6\u00b7\u25cf\u25a0*\u2013\u2014-]\\s+")
_ESCAPED = re.compile(r"([\\`*_\[\]<>|]|&(?=#?\w+;))")
_BLOCK_START = re.compile(r"^(#|\+ |=+$|-+$)")


@dataclass(frozen=True, slots=True)
class _Row:
    """Line with its box in a frame where lines are level, and its cells.

    Attributes:
        line: As read.
        box: (4,), left, top, right and bottom in pixels.
        cells: Text, left end and right end of each.
    """

    line: PageLine
    box: NDArray[np.float64]
    cells: tuple[tuple[str, float, float], ...]

    @property
    def height(self) -> float:
        """Height in pixels, at least 1."""
        return max(1.0, float(self.box[3] - self.box[1]))


def _write(pages: Sequence[PrintedPage]) -> bytes:
    """Return the document, with a rule between two pages."""
    texts = ["\n\n".join(_parts(printed.page)) for printed in pages]
    return (_PAGE_BREAK.join(texts) + "\n").encode()


WRITER = Writer(_write, "text/markdown")


def _parts(page: Page) -> Iterator[str]:
    """Yield the headings, paragraphs, lists and tables of a page."""
    rows = _rows(page)
    heights = np.repeat([row.height for row in rows], [len(row.line.text) for row in rows])
    usual = float(np.median(heights)) if len(heights) else 1.0
    for is_table, run in groupby(_runs(rows), key=_is_table):
        if is_table:
            yield from (_table(rows) for rows in run)
        else:
            loose = [row for rows in run for row in rows]
            for _, block in groupby(loose, key=lambda row: row.line.block):
                yield from _prose(list(block), usual)


def _rows(page: Page) -> list[_Row]:
    if not page.lines:
        return []
    boxes, frame = level_boxes([line.corners for line in page.lines])
    return [
        _Row(line, box, tuple(_cells(line, box, frame, is_leftward=page.right_to_left)))
        for line, box in zip(page.lines, boxes, strict=True)
    ]


def _cells(
    line: PageLine, box: NDArray[np.float64], frame: NDArray[np.float64], *, is_leftward: bool
) -> Iterator[tuple[str, float, float]]:
    """Yield text and ends of the pieces of a line that wide gaps part."""
    height = box[3] - box[1]
    place, begins, ends = 0, 0, (float(box[0]), float(box[0]))
    for index, word in enumerate(line.words):
        across = (word.corners @ frame)[:, 0]  # as `level_boxes` turns the corners of a line
        left, right = float(across.min()), float(across.max())
        found = line.text.find(word.text, place)
        gap = ends[0] - right if is_leftward else left - ends[1]
        if index and found > begins and gap > _CELL_GAP * height:
            yield line.text[begins:found].strip(), *ends
            begins, ends = found, (left, right)
        elif index:
            ends = min(ends[0], left), max(ends[1], right)
        else:
            ends = left, right
        place = max(place, found + len(word.text))
    last = ends if line.words else (float(box[0]), float(box[2]))
    yield line.text[begins:].strip(), *last


def _runs(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Return the rows in runs whose cells stand in the same columns."""
    runs: list[list[_Row]] = [[row] for row in rows[:1]]
    for upper, lower in pairwise(rows):
        if _in_same_columns(upper, lower):
            runs[-1].append(lower)
        else:
            runs.append([lower])
    return runs


def _in_same_columns(upper: _Row, lower: _Row) -> bool:
    if len(upper.cells) != len(lower.cells) or len(upper.cells) == 1:
        return False
    room = _COLUMN_SHIFT * min(upper.height, lower.height)
    return all(
        abs(above[1] - below[1]) <= room or abs(above[2] - below[2]) <= room
        for above, below in zip(upper.cells, lower.cells, strict=True)
    )


def _is_table(run: Sequence[_Row]) -> bool:
    return len(run) >= _LEAST_ROWS


def _table(rows: Sequence[_Row]) -> str:
    """Return a table whose first row is its head, as the format wants one."""
    lines = ["| " + " | ".join(_escape(cell[0]) for cell in row.cells) + " |" for row in rows]
    rule = "| " + " | ".join("---" for _ in rows[0].cells) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


def _prose(rows: Sequence[_Row], usual: float) -> Iterator[str]:
    """Yield the headings, lists and paragraphs of a block."""
    for mark, run in groupby(rows, key=lambda row: _heading(row, usual)):
        lines = [row.line.text for row in run]
        if mark and len(lines) <= _MOST_HEADING_LINES:
            yield mark + _escape(" ".join(lines))
            continue
        for is_list, items in groupby(lines, key=lambda text: bool(_BULLET.match(text))):
            if is_list:
                yield "\n".join("- " + _escape(_BULLET.sub("", text)) for text in items)
            else:
                yield "\n".join(_escape(text) for text in items)


def _heading(row: _Row, usual: float) -> str:
    """Return the mark of a heading, empty for a line of the usual height."""
    return next((mark for least, mark in _HEADINGS if row.height >= least * usual), "")


def _escape(text: str) -> str:
    """Return text in which nothing is taken for a mark."""
    return _BLOCK_START.sub(r"\\\1", _ESCAPED.sub(r"\\\1", text))
