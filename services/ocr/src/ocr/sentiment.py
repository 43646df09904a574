"""Tone of an English text, from the tones of its sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ocr.embedding import Tones
from ocr.sentences import find_prose

Tone = Literal["positive", "neutral", "negative"]

TONES: tuple[Tone, ...] = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Tone of a text and the confidence in it, in [0, 1]."""

    tone: Tone
    confidence: float


def judge(sentences: Sequence[str], tones: Tones) -> Sentiment:
    """Return the tone of a whole text: the likeliest one in the mean over its prose.

    Args:
        sentences: The text, at least one.
        tones: One row for each sentence.
    """
    prose = find_prose(sentences, least_words=1)  # such as "Awful!"
    shares = np.asarray(tones[prose].mean(axis=0))
    best = int(shares.argmax())
    return Sentiment(TONES[best], float(shares[best]))
