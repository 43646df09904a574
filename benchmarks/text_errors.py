"""Errors of a text that was read: the character error rate and the word F1."""

import re
import unicodedata
from collections import Counter

import numpy as np

WORD = re.compile(r"\w+")
# Invisible letters: joiners, marks of direction, and blanks without width.
INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


def character_error_rate(expected: str, read_text: str) -> float:
    """Return the edit distance divided by the length of the truth.

    Both are normalized to NFC, without invisible letters; blanks and line breaks are alike.
    """
    wanted, got = (
        np.array([ord(letter) for letter in _plain(text)]) for text in (expected, read_text)
    )
    steps = np.arange(len(got) + 1)
    previous = steps.copy()
    for row, letter in enumerate(wanted, 1):
        current = np.empty_like(previous)
        current[0] = row
        current[1:] = np.minimum(previous[1:] + 1, previous[:-1] + (got != letter))
        previous = np.minimum.accumulate(current - steps) + steps
    return float(previous[-1]) / max(1, len(wanted))


def word_f1(expected: str, read_text: str) -> float:
    """Return the harmonic mean of precision and recall of the bags of words, case aside."""
    wanted, got = (Counter(WORD.findall(text.lower())) for text in (expected, read_text))
    common = (wanted & got).total()
    return 2 * common / max(1, wanted.total() + got.total())


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).translate(INVISIBLE).split())
