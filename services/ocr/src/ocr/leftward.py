"""Text that runs from right to left, as a recognizer sees it from left to right."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from ocr.engines import PageWord
from ocr.scripts import LEFTWARD

_MIRRORED = str.maketrans("()[]{}<>\u00ab\u00bb", ")(][}{><\u00bb\u00ab")
# Numbers, with separators between their digits, and Latin letters keep their order.
_KEPT = re.compile(r"[A-Za-z\d]+(?:[.,:/%+\-\u066b\u066c][A-Za-z\d]+)*")


def as_written(words: Sequence[PageWord]) -> tuple[PageWord, ...]:
    """Return words in the order and spelling in which they are written.

    The common cases of the Unicode Bidirectional Algorithm in a paragraph from right to left, which
    rapidocr applies to the lines of its Arabic recognizer.

    Args:
        words: From left to right, each spelled from left to right.
    """
    runs = [(kind, list(run)) for kind, run in groupby(words, key=_is_latin)]
    ordered: list[PageWord] = []
    for is_latin, run in reversed(runs):
        ordered += run if is_latin else [_respelt(word) for word in reversed(run)]
    return tuple(ordered)


def _is_latin(word: PageWord) -> bool:
    """Return whether a word runs to the right; numbers alone follow the words around them."""
    kinds = {unicodedata.bidirectional(letter) for letter in word.text}
    return "L" in kinds and not kinds & LEFTWARD


def _respelt(word: PageWord) -> PageWord:
    text = _KEPT.sub(lambda kept: kept[0][::-1], word.text[::-1])
    return replace(word, text=text.translate(_MIRRORED))
