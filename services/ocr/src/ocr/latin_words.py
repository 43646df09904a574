"""Latin words within lines that run from right to left, read again by PP-OCR.

Tesseract's data of such a language knows few Latin letters and spells them with its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from modelkit.images import RgbImage
from ocr.engines import LineReader, PageLine, PageWord, ReadText
from ocr.layout import row_corners
from ocr.preparation import Corners

# Tesseract gives Latin words in Arabic lines of Noto Naskh .32 at most, and Arabic ones .66 at
# least; PP-OCR gives the former .96 at least, and of the latter .91 at most to those that are
# longer. On the pages of `benchmarks.pages` in eight languages no word is taken for a Latin one.
_DOUBTFUL_CONFIDENCE = 0.5
_SURE_CONFIDENCE = 0.95
_MOST_DOUBTFUL = 0.5  # of the words of a page; Nastaliq is doubted as a whole
_LEAST_LETTERS = 3  # shorter ones look like Arabic letters
_MOST_RUNS = 100  # of a page; each takes 30 ms


def restore_latin_words(
    reader: LineReader, pixels: RgbImage, lines: Sequence[PageLine]
) -> list[PageLine]:
    """Return the lines with doubtful words that are surely Latin in their own letters.

    Doubtful words beside each other are read together: they may be pieces of one.
    """
    runs = [run for line in lines for run in _runs(line) if _is_doubtful(run[0])][:_MOST_RUNS]
    words = [word for line in lines for word in line.words]
    if not runs or sum(map(_is_doubtful, words)) > _MOST_DOUBTFUL * len(words):
        return list(lines)
    read = reader.read_lines(pixels, [_place(run) for run in runs])
    latin = {
        id(run[0]): found.words for run, found in zip(runs, read, strict=True) if _is_latin(found)
    }
    return [_restored(line, latin) for line in lines]


def _runs(line: PageLine) -> list[list[PageWord]]:
    return [list(run) for _, run in groupby(line.words, key=_is_doubtful)]


def _is_doubtful(word: PageWord) -> bool:
    return word.confidence < _DOUBTFUL_CONFIDENCE


def _place(run: Sequence[PageWord]) -> Corners:
    """Return the corners around words that stand from the right to the left."""
    return row_corners([word.corners for word in run], list(range(len(run))))


def _is_latin(read: ReadText) -> bool:
    letters = sum(letter.isalpha() for letter in read.text)
    is_sure = read.confidence >= _SURE_CONFIDENCE and letters >= _LEAST_LETTERS
    return is_sure and read.text.isascii()


def _restored(line: PageLine, latin: Mapping[int, Sequence[PageWord]]) -> PageLine:
    """Return a line with the Latin words in place of the runs whose first words `latin` names."""
    runs = _runs(line)
    if not any(id(run[0]) in latin for run in runs):
        return line
    words = [word for run in runs for word in latin.get(id(run[0]), run)]
    letters = sum(len(word.text) for word in words)
    confidence = sum(word.confidence * len(word.text) for word in words) / letters
    text = " ".join(word.text for word in words)
    return replace(line, text=text, confidence=confidence, words=tuple(words))
