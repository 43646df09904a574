"""MiniLM sentence embeddings and the sentiment of a sentence, in torch; only exports use this.

The service runs the exported graphs; see `modelkit.runtime`.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 384
TONES = 3  # negative, neutral, positive
_LAYERS = 6
SHARED_LAYERS = 3  # computed once, for the embedding and for the sentiment
_HEADS = 12
_INNER_WIDTH = 1536
_WORDS = 30522
_POSITIONS = 512
_NORM_EPSILON = 1e-12
_MASKED = -1e4  # added to the score of a token that is padding


class SentenceNetwork(nn.Module):
    """BERT of six layers with mean pooling: all-MiniLM-L6-v2.

    Source: Devlin et al. 2018 (arXiv:1810.04805), Wang et al. 2020 (arXiv:2002.10957); the model
    card of sentence-transformers/all-MiniLM-L6-v2.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(_WORDS, WIDTH)
        self.positions = nn.Embedding(_POSITIONS, WIDTH)
        self.kinds = nn.Parameter(torch.zeros(WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=_NORM_EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(_LAYERS))

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (count, 384) of length 1, and the states of the shared layers.

        Args:
            tokens: (count, length) int64; 0 is padding.
        """
        states = self.shared_states(tokens)
        last = states
        mask = padding_mask(tokens)
        for layer in list(self.layers)[SHARED_LAYERS:]:
            last = layer(last, mask)
        return functional.normalize(mean_state(last, tokens), dim=1), states

    def shared_states(self, tokens: Tensor) -> Tensor:
        """Return the states after the shared layers, (count, length, 384)."""
        states: Tensor = self.words(tokens) + self.positions.weight[: tokens.shape[1]] + self.kinds
        states = self.norm(states)
        mask = padding_mask(tokens)
        for layer in list(self.layers)[:SHARED_LAYERS]:
            states = layer(states, mask)
        return states


class SentimentNetwork(nn.Module):
    """Tone of a sentence: three fine-tuned layers of MiniLM and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(_LAYERS - SHARED_LAYERS))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(WIDTH, TONES)

    def forward(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return logits of negative, neutral and positive, (count, 3).

        Args:
            states: (count, length, 384), of `SentenceNetwork.shared_states`.
            tokens: (count, length) int64; 0 is padding.
        """
        mask = padding_mask(tokens)
        for layer in self.layers:
            states = layer(states, mask)
        logits: Tensor = self.head(self.dropout(mean_state(states, tokens)))
        return logits


class Layer(nn.Module):
    """Transformer layer of BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH)
        self.output_norm = nn.LayerNorm(WIDTH, eps=_NORM_EPSILON)
        self.widen = nn.Linear(WIDTH, _INNER_WIDTH)
        self.narrow = nn.Linear(_INNER_WIDTH, WIDTH)
        self.narrow_norm = nn.LayerNorm(WIDTH, eps=_NORM_EPSILON)
        self.dropout = nn.Dropout(0.1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return the next states, (count, length, 384).

        Args:
            states: (count, length, 384).
            mask: (count, 1, 1, length), added to the scores of attention.
        """
        query, key, value = (_split(one(states)) for one in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) / math.sqrt(WIDTH // _HEADS) + mask
        mixed = (scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2)
        states = self.output_norm(states + self.dropout(self.output(mixed)))
        inner = self.narrow(functional.gelu(self.widen(states)))
        normed: Tensor = self.narrow_norm(states + self.dropout(inner))
        return normed


def padding_mask(tokens: Tensor) -> Tensor:
    """Return the mask of attention, (count, 1, 1, length) float32."""
    return (tokens == 0).float()[:, None, None, :] * _MASKED


def mean_state(states: Tensor, tokens: Tensor) -> Tensor:
    """Return the mean state of the tokens that are no padding, (count, 384)."""
    shares = (tokens != 0).to(states.dtype)[:, :, None]
    return (states * shares).sum(dim=1) / shares.sum(dim=1).clamp_min(1e-9)


def load_published(network: SentenceNetwork, published: dict[str, Tensor]) -> None:
    """Copy the published weights into a network, strictly.

    Args:
        network: Changed in place.
        published: The state of the published BertModel.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: One has another shape.
    """
    state = {
        "words.weight": published["embeddings.word_embeddings.weight"],
        "positions.weight": published["embeddings.position_embeddings.weight"],
        # Texts have one kind of token only: the first row.
        "kinds": published["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": published["embeddings.LayerNorm.weight"],
        "norm.bias": published["embeddings.LayerNorm.bias"],
    }
    for number in range(_LAYERS):
        for ours, theirs in _PARTS.items():
            for kind in ("weight", "bias"):
                tensor = published[f"encoder.layer.{number}.{theirs}.{kind}"]
                state[f"layers.{number}.{ours}.{kind}"] = tensor
    network.load_state_dict(state)


_PARTS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "output_norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "narrow_norm": "output.LayerNorm",
}


def _split(states: Tensor) -> Tensor:
    """Return the states by attention head, (count, heads, length, width of a head)."""
    count, length = states.shape[:2]
    return states.view(count, length, _HEADS, WIDTH // _HEADS).transpose(1, 2)
