"""Tokens of the sentence-embedding model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

PADDING = 0
MAX_TOKENS = 256  # the length the model was trained for; it does not see the rest of a text


class MiniLmTokenizer:
    """WordPiece tokenizer of MiniLM.

    Args:
        file: The published tokenizer.json.
    """

    def __init__(self, file: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the numbers of the tokens, (count, length) int64, filled up with `PADDING`."""
        encoded = self._tokenizer.encode_batch(list(texts))
        return np.array([one.ids for one in encoded], np.int64)
