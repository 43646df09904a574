"""Script and direction of a text, and the order of one that runs from right to left."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from fontTools.unicodedata import script  # type: ignore[import-untyped]  # it lacks the py.typed marker

from ocr.engines import PageWord

_NO_SCRIPT = "Zyyy"
_WITHOUT = frozenset({_NO_SCRIPT, "Zinh", "Zzzz"})  # signs and marks that many scripts share
_LEFTWARD = frozenset({"R", "AL"})  # Unicode's classes of letters that run from right to left
_MIRRORED = str.maketrans("()[]{}<>\u00ab\u00bb", ")(][}{><\u00bb\u00ab")
# Numbers, with separators between their digits, and Latin letters keep their order.
_KEPT = re.compile(r"[A-Za-z\d]+(?:[.,:/%+\-\u066b\u066c][A-Za-z\d]+)*")


def script_of(text: str) -> str:
    """Return the ISO 15924 code of the script of most letters; "Zyyy" without letters."""
    found = Counter(str(script(letter)) for letter in text)
    scripts = [code for code, _ in found.most_common() if code not in _WITHOUT]
    return scripts[0] if scripts else _NO_SCRIPT


def runs_leftward(text: str) -> bool:
    """Return whether text runs from right to left, by its first letter with a direction."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind in _LEFTWARD for kind in kinds if kind in {"L", *_LEFTWARD}), False)


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
    return "L" in kinds and not kinds & _LEFTWARD


def _respelt(word: PageWord) -> PageWord:
    text = _KEPT.sub(lambda kept: kept[0][::-1], word.text[::-1])
    return replace(word, text=text.translate(_MIRRORED))
