"""Tone of an English text, from the tones of its sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ocr.embedding import Tones
from ocr.sentences import find_prose

Tone = Literal["positive", "neutral", "negative"]

TONES: tuple[Tone, ...] = ("negative", "neutral", "positive")

# Weight of each in the mean over a text: one that has a tone has many sentences without. Any from
# .4 to .6 gives the reader's tone in nine of the ten texts of docs/analysis.md, 1 in seven.
_WEIGHTS = np.array([1, 0.5, 1], np.float32)


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Tone of a text and the confidence in it, in [0, 1]."""

    tone: Tone
    confidence: float


def judge(sentences: Sequence[str], tones: Tones) -> Sentiment:
    """Return the tone of a whole text: the likeliest one in the weighted mean over its prose.

    Args:
        sentences: The text, at least one.
        tones: One row for each sentence.
    """
    prose = find_prose(sentences, least_words=1)  # such as "Awful!"
    shares = tones[prose].mean(axis=0) * _WEIGHTS
    shares /= shares.sum()
    best = int(shares.argmax())
    return Sentiment(TONES[best], float(shares[best]))
