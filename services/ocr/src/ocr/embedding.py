"""Embeddings of sentences, by MiniLM, and the tone of each."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from modelkit.runtime import Array, Network
from ocr.tokens import MAX_TOKENS, PADDING, MiniLmTokenizer

# (n, 384) float32, each row of length 1: the dot product of two rows is their cosine.
Embeddings = NDArray[np.float32]
# (n, 3) float32: the probability of negative, neutral and positive.
Tones = NDArray[np.float32]

SIZE = 384
_TONES = 3
_MAX_LETTERS = 5 * MAX_TOKENS  # about
_BATCH_LETTERS = 5000  # bounds memory: 4 texts of the longest length


class SentenceEmbedder:
    """MiniLM with mean pooling, and the networks that judge the tone; for one thread.

    Source: the model card of sentence-transformers/all-MiniLM-L6-v2.

    Args:
        sentences: Takes tokens (count, length) int64, returns embeddings (count, 384) float32 and
            states (count, length, 384) float32.
        sentiment: Takes states and tokens, returns logits (count, 3) float32.
        tokenizer: Of MiniLM.
        polarity: Takes the same tokens and their mask, returns logits (count, 2) float32 of
            negative and positive; tells these two apart instead of `sentiment` where it is given.
    """

    def __init__(
        self,
        sentences: Network,
        sentiment: Network,
        tokenizer: MiniLmTokenizer,
        polarity: Network | None = None,
    ) -> None:
        self._sentences = sentences
        self._sentiment = sentiment
        self._tokenizer = tokenizer
        self._polarity = polarity

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return one row per text, (n, 384) float32 of length 1."""
        rows = np.zeros((len(texts), SIZE), np.float32)
        for batch, tokens in self._batches(texts):
            rows[batch], _ = self._sentences.run(tokens)
        return rows

    def read(self, texts: Sequence[str]) -> tuple[Embeddings, Tones]:
        """Return what `embed` returns, and the tone of each text."""
        rows = np.zeros((len(texts), SIZE), np.float32)
        tones = np.zeros((len(texts), _TONES), np.float32)
        for batch, tokens in self._batches(texts):
            rows[batch], states = self._sentences.run(tokens)
            tones[batch] = _softmax(self._sentiment.run(states, tokens)[0])
            if self._polarity is not None:
                mask = (tokens != PADDING).astype(np.int64)
                shares = _softmax(self._polarity.run(tokens, mask)[0])
                tones[batch, 0::2] = (1 - tones[batch, 1:2]) * shares
        return rows, tones

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], NDArray[np.int64]]]:
        """Yield places and tokens; texts of like length together, each padded to the longest."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for batch in _batches(order, [len(text) for text in texts]):
            yield batch, self._tokenizer.tokens([texts[index] for index in batch])


def _softmax(logits: Array) -> Tones:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Tones = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group texts, shortest first; each costs as much as the longest of its batch."""
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * min(lengths[index], _MAX_LETTERS) > _BATCH_LETTERS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
