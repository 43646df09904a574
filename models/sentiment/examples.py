"""What the sentiment head learns from: sentences of reviews, and the words of a lexicon."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # it ships no types
    SentimentIntensityAnalyzer,
)

from ocr.embedding import SentenceEmbedder

_LEAST_VALENCE = 1.0  # of 4; weaker words are those the raters of the lexicon did not agree on
_WORD = re.compile(r"[a-z]{3,}")  # the lexicon also holds emoticons and slang with digits


@dataclass(frozen=True, slots=True)
class Examples:
    """Embedded texts: (n, 384) rows, (n,) labels 1.0 positive or 0.0 negative, (n,) weights."""

    rows: NDArray[np.float32]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]

    def weighing(self, total: float) -> "Examples":
        """Return the same examples with weights that sum to `total`."""
        scale = np.float32(total / self.weights.sum())
        return Examples(self.rows, self.labels, self.weights * scale)


@dataclass(frozen=True, slots=True)
class Domain:
    """The sentences of one site, with their embeddings."""

    name: str
    texts: list[str]
    examples: Examples


def load_domain(file: Path, embedder: SentenceEmbedder) -> Domain:
    """Read a file with a sentence, a tab and 0 (negative) or 1 (positive) on each line."""
    lines = file.read_text("utf-8").strip("\n").split("\n")
    pairs = [line.rsplit("\t", 1) for line in lines]
    texts = [text.strip() for text, _ in pairs]
    labels = np.array([float(label) for _, label in pairs], np.float32)
    return Domain(file.name, texts, Examples(embedder.embed(texts), labels, np.ones_like(labels)))


def load_words(embedder: SentenceEmbedder) -> Examples:
    """Return VADER's words as sentences, "It is X." and, of the other label, "It is not X."."""
    lexicon: dict[str, float] = SentimentIntensityAnalyzer().lexicon
    valences = {
        word: valence
        for word, valence in sorted(lexicon.items())
        if _WORD.fullmatch(word) and abs(valence) >= _LEAST_VALENCE
    }
    rows = embedder.embed(
        [f"It is {word}." for word in valences] + [f"It is not {word}." for word in valences]
    )
    positive = np.array([valence > 0 for valence in valences.values()])
    labels = np.concatenate([positive, ~positive]).astype(np.float32)
    # The lexicon has more bad words than good ones: each side weighs the same.
    share = np.where(positive, 1 / positive.sum(), 1 / (~positive).sum())
    return Examples(rows, labels, np.concatenate([share, share]).astype(np.float32))


def join(parts: Sequence[Examples]) -> Examples:
    """Return all examples of several parts."""
    return Examples(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )
