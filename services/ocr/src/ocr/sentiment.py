"""The tone of an English text: a head over sentence embeddings, and a lexicon for neutral."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # it ships no types
    SentimentIntensityAnalyzer,
)

from ocr.embedding import Embeddings
from ocr.sentences import find_prose

Tone = Literal["positive", "neutral", "negative"]

# The head learned from reviews and words, which are never neutral, and takes instructions for
# complaints. So a text has a tone where the head is sure of it, or where the lexicon agrees with it
# in enough sentences. Chosen on fourteen texts; docs/analysis.md shows ten of them.
_SURE_LOGIT = 2.2  # a confidence of .9, with which the head is right nine times in ten
_LEAST_AGREED = 0.6  # neutral texts had up to .54, others from .74


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
        prose = find_prose(sentences, least_words=1)  # such as "Awful!"
        logits = self.logits(embeddings[prose])
        lexicon = [self._lexicon.polarity_scores(sentences[index])["compound"] for index in prose]
        logit = float(logits.mean())
        agreed = float(np.where(logits * lexicon > 0, logits, 0).mean())
        surest = max(abs(logit) / _SURE_LOGIT, agreed * np.sign(logit) / _LEAST_AGREED)
        if surest < 1:
            # From 1 where the head is undecided to .5 where the text nearly has a tone.
            return Sentiment("neutral", 1 - surest / 2)
        confidence = float(1 / (1 + np.exp(-abs(logit))))
        return Sentiment("positive" if logit > 0 else "negative", confidence)

    def logits(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Return the calibrated log-odds of positive against negative, (n,) for n rows."""
        scores: NDArray[np.float32] = embeddings @ self._weights + np.float32(self._bias)
        return scores
