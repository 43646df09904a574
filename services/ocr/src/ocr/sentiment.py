"""The tone of an English text: a head over sentence embeddings, and a lexicon for neutral."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # it ships no types
    SentimentIntensityAnalyzer,
)

from ocr.embedding import Embeddings

Tone = Literal["positive", "neutral", "negative"]

# The head learned from reviews, which are never neutral. A text is neutral where the lexicon sees
# little and the head is not sure, or the two disagree. Fitted by hand on ten documents: weak.
_LEAST_LEXICON = 0.15  # |mean VADER compound| of the sentences
_LEAST_LOGIT = 0.5  # a confidence of .62
_SURE_LOGIT = 2.2  # a confidence of .9, with which the head is right nine times in ten


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The tone of a text and the confidence in it, in [0, 1]."""

    tone: Tone
    confidence: float


class SentimentJudge:
    """The trained head and the lexicon."""

    def __init__(self) -> None:
        """Load both from the installed packages."""
        path = resources.files("ocr").joinpath("weights/sentiment.json")
        head = json.loads(path.read_text("utf-8"))
        self._weights = np.array(head["weights"], np.float32)
        self._bias = float(head["bias"])
        self._lexicon = SentimentIntensityAnalyzer()

    def judge(self, sentences: Sequence[str], embeddings: Embeddings) -> Sentiment:
        """Return the tone of a whole text.

        Args:
            sentences: the text, at least one.
            embeddings: one row per sentence.
        """
        logit = float((embeddings @ self._weights + self._bias).mean())
        lexicon = float(
            np.mean([self._lexicon.polarity_scores(text)["compound"] for text in sentences])
        )
        confidence = float(1 / (1 + np.exp(-abs(logit))))
        agrees = logit * lexicon > 0 and abs(logit) >= _LEAST_LOGIT
        if (agrees and abs(lexicon) >= _LEAST_LEXICON) or abs(logit) >= _SURE_LOGIT:
            return Sentiment("positive" if logit > 0 else "negative", confidence)
        # From 1 where the head is undecided to .5 where it is sure of a tone.
        return Sentiment("neutral", 1.5 - confidence)
