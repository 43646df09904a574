"""Sentences to vectors: the MiniLM sentence-embedding model."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

# (n, 384) float32, each row of length 1: the dot product of two rows is their cosine.
Embeddings = NDArray[np.float32]

SIZE = 384
MAX_TOKENS = 256  # the length the model was trained for; it does not see the rest of a text
_MAX_LETTERS = 1250  # in MAX_TOKENS, about
_BATCH_LETTERS = 5000  # bounds memory: 4 texts of the longest length


class SentenceEmbedder:
    """MiniLM with mean pooling; for one thread.

    Source: the model card of sentence-transformers/all-MiniLM-L6-v2.
    """

    def __init__(self, folder: Path, *, device: str) -> None:
        """Load the model from a folder of this machine; nothing is ever downloaded."""
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # untyped
        self._device = device
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self._model = model.to(device).eval()

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return one row per text, (n, 384) float32 of length 1."""
        rows = np.zeros((len(texts), SIZE), np.float32)
        # Texts of like length share a batch, because each is padded to the longest.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for batch in _batches(order, [len(text) for text in texts]):
            rows[batch] = self._embed_batch([texts[index] for index in batch])
        return rows

    @torch.inference_mode()
    def _embed_batch(self, texts: list[str]) -> Embeddings:
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        ).to(self._device)
        states = self._model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
        unit = torch.nn.functional.normalize(mean, dim=1)
        rows: Embeddings = unit.cpu().numpy().astype(np.float32)
        return rows


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
