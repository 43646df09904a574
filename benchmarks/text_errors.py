"""Errors of a text that was read: the character error rate, the lines lost and the word F1."""

import re
import unicodedata
from collections import Counter

import numpy as np
from numpy.typing import NDArray

LOST = 0.5  # least share of wrong letters of a line that was not read
WORD = re.compile(r"\w+")
# Invisible letters: joiners, marks of direction, and blanks without width.
INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


def character_error_rate(expected: str, read_text: str) -> float:
    """Return the edit distance divided by the length of the truth.

    Both are normalized to NFC, without invisible letters; blanks and line breaks are alike.
    """
    wanted, got = _letters(expected), _letters(read_text)
    distances = _distances(wanted, got, np.arange(len(got) + 1))
    return float(distances[-1]) / max(1, len(wanted))


def lost_lines(expected: str, read_text: str) -> int:
    """Return how many lines of the truth have no place in the text that is mostly theirs."""
    got = _letters(read_text)
    lines = [line for line in map(_letters, expected.splitlines()) if line.size]
    return sum(_errors_at_best(line, got) > LOST * len(line) for line in lines)


def _errors_at_best(line: NDArray[np.int_], got: NDArray[np.int_]) -> int:
    """Return the edit distance of a line to the part of a text that is most like it."""
    return int(_distances(line, got, np.zeros(len(got) + 1, np.int_)).min())


def _distances(
    wanted: NDArray[np.int_], got: NDArray[np.int_], first: NDArray[np.int_]
) -> NDArray[np.int_]:
    """Return the edit distances of `wanted` to what ends at each place of `got`.

    `first` holds the costs of beginning at each place.
    """
    steps = np.arange(len(got) + 1)
    previous = first
    for row, letter in enumerate(wanted, 1):
        current = np.empty_like(previous)
        current[0] = row
        current[1:] = np.minimum(previous[1:] + 1, previous[:-1] + (got != letter))
        previous = np.minimum.accumulate(current - steps) + steps
    return previous


def word_f1(expected: str, read_text: str) -> float:
    """Return the harmonic mean of precision and recall of the bags of words, case aside."""
    wanted, got = (Counter(WORD.findall(text.lower())) for text in (expected, read_text))
    common = (wanted & got).total()
    return 2 * common / max(1, wanted.total() + got.total())


def _letters(text: str) -> NDArray[np.int_]:
    plain = " ".join(unicodedata.normalize("NFC", text).translate(INVISIBLE).split())
    return np.array([ord(letter) for letter in plain], np.int_)
