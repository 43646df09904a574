"""Parser of Tesseract's table of words; its iterator API reverses Hebrew letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np

from ocr.engines import PageLine, PageWord
from ocr.preparation import Box, Corners, box_corners, part
from ocr.scripts import runs_leftward

# The fields of a row: level, page, block, paragraph, line, word, left, top, width, height,
# confidence in percent, text.
_WORD_LEVEL = "5"
_LINE_OF = slice(5)  # all that names a line


@dataclass(frozen=True, slots=True)
class TableWord:
    """One row of the table: a word or, in a script without spaces, a piece of one."""

    text: str
    confidence: float
    box: Box


def table_lines(table: str) -> list[list[TableWord]]:
    """Return the words of each line, in reading order."""
    rows = (row.split("\t") for row in table.splitlines())
    words = [row for row in rows if row[0] == _WORD_LEVEL and row[-1].strip()]
    return [[_word(row) for row in line] for _, line in groupby(words, key=itemgetter(_LINE_OF))]


def page_lines(table: str, text: str) -> list[PageLine]:
    """Return the lines of a page.

    Args:
        table: Tesseract's table of words.
        text: its text, which has the spaces of scripts that put none between words.
    """
    lines = table_lines(table)
    texts = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if len(texts) != len(lines):
        texts = [""] * len(lines)
    return [_line(line, text) for line, text in zip(lines, texts, strict=True)]


def words_of(text: str, pieces: Sequence[TableWord]) -> tuple[PageWord, ...]:
    """Return the words of a line of text: the pieces between two spaces are one."""
    if "".join(piece.text for piece in pieces) != text.replace(" ", ""):
        return _spread(text, pieces)
    waiting = list(zip(pieces, _without_overlaps([piece.box for piece in pieces]), strict=True))
    words = []
    for spelt in text.split():
        taken, letters = [], 0
        while letters < len(spelt):
            taken.append(waiting.pop(0))
            letters += len(taken[-1][0].text)
        confidence = np.mean([piece.confidence for piece, _ in taken])
        words.append(PageWord(spelt, float(confidence), _hull([box for _, box in taken])))
    return tuple(words)


def _word(row: list[str]) -> TableWord:
    left, top, width, height, percent = (float(field) for field in row[6:11])
    return TableWord(row[11], percent / 100, (left, top, left + width, top + height))


def _line(pieces: list[TableWord], text: str) -> PageLine:
    spaced = " ".join(piece.text for piece in pieces)
    text = text if text.replace(" ", "") == spaced.replace(" ", "") else spaced
    letters = [len(piece.text) for piece in pieces]
    confidence = np.average([piece.confidence for piece in pieces], weights=letters)
    corners = _hull([piece.box for piece in pieces])
    return PageLine(text, float(confidence), corners, words_of(text, pieces))


def _hull(boxes: Sequence[Box]) -> Corners:
    left, top = (min(box[side] for box in boxes) for side in (0, 1))
    right, bottom = (max(box[side] for box in boxes) for side in (2, 3))
    return box_corners(left, top, right, bottom)


def _spread(text: str, pieces: Sequence[TableWord]) -> tuple[PageWord, ...]:
    """Return words as long as they have letters, for pieces that do not spell the text.

    Tesseract puts marks of direction into its text, but none of the 102 test pages has one.
    """
    if not pieces:
        return ()
    line = _hull([piece.box for piece in pieces])
    confidence = float(np.mean([piece.confidence for piece in pieces]))
    words = text.split()
    stops = np.cumsum([len(word) + 1 for word in words]) - 1
    starts = stops - [len(word) for word in words]
    if runs_leftward(text):
        starts, stops = stops[-1] - stops, stops[-1] - starts
    shares = np.stack([starts, stops], axis=1) / max(starts.max(), stops.max())
    return tuple(
        PageWord(word, confidence, part(line, *share))
        for word, share in zip(words, shares, strict=True)
    )


def _without_overlaps(boxes: Sequence[Box]) -> list[Box]:
    """Cut off wider boxes what narrower ones of the line cover.

    Tesseract sometimes stretches the box of an Arabic word over its neighbors.
    """
    cut = list(boxes)
    for index in sorted(range(len(boxes)), key=lambda index: boxes[index][2] - boxes[index][0]):
        left, top, right, bottom = boxes[index]
        narrower = [box for box in cut if box is not boxes[index] and _is_within(box, left, right)]
        edges = [left, *(side for box in sorted(narrower) for side in (box[0], box[2])), right]
        free = [(edges[at], edges[at + 1]) for at in range(0, len(edges), 2)]
        start, end = max(free, key=lambda gap: gap[1] - gap[0])
        if narrower and end > start:
            cut[index] = (start, top, end, bottom)
    return cut


def _is_within(box: Box, left: float, right: float) -> bool:
    return left < (box[0] + box[2]) / 2 < right and box[2] - box[0] < right - left
