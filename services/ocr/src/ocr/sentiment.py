"""Tone of an English text, from the tones of its sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ocr.embedding import Tones
from ocr.sentences import find_prose

Tone = Literal["positive", "neutral", "negative"]

_NEUTRAL_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Tone of a text and the confidence in it, in [0, 1]."""

    tone: Tone
    confidence: float


def judge(sentences: Sequence[str], tones: Tones) -> Sentiment:
    """Return the tone of a whole text.

    Neutral where half of its prose is, in the mean; else the likelier of positive and negative,
    with its share of the two.

    Args:
        sentences: The text, at least one.
        tones: One row for each sentence.
    """
    prose = find_prose(sentences, least_words=1)  # such as "Awful!"
    negative, neutral, positive = tones[prose].mean(axis=0).tolist()
    if neutral >= _NEUTRAL_SHARE:
        return Sentiment("neutral", neutral)
    share = positive / (positive + negative)
    return Sentiment("positive", share) if share > 1 / 2 else Sentiment("negative", 1 - share)
