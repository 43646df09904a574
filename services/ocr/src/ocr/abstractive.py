"""Abstractive summary of an English text, by a BART that was exported to ONNX in two graphs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from tokenizers import Tokenizer

from modelkit.runtime import Array
from modelkit.stopping import check_stop
from servicekit.errors import ModelNotInstalled

MAX_TOKENS = 1024  # of the text; the network has no places for more

# Tokens of every BART, and the search that its CNN models were published with (config.json of
# sshleifer/distilbart-cnn-6-6).
_BEGIN, _END = 0, 2
_START = (_END, _BEGIN)
_BEAMS = 4
_LEAST_TOKENS = 56
_MOST_TOKENS = 142
_LENGTH_PENALTY = 2.0
_NEVER_TWICE = 3  # tokens in a row
# A short text would be padded with inventions: a summary needs at most a third of its tokens.
_LEAST_SHARE = 1 / 3
_PAST = "past_key_values."


class AbstractiveSummarizer:
    """Summarizer that writes new sentences, by a beam search of four; for one thread.

    Args:
        encoder: Takes input_ids and attention_mask (1, length) int64, returns states.
        decoder: The "merged" decoder, with and without a cache, of the exporter of Hugging Face.
        tokenizer: The tokenizer.json published beside them.

    Raises:
        ModelNotInstalled: The decoder has other inputs.
    """

    def __init__(
        self,
        encoder: onnxruntime.InferenceSession,
        decoder: onnxruntime.InferenceSession,
        tokenizer: Path,
    ) -> None:
        self._encoder = encoder
        self._decoder = _Decoder(decoder)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def summarize(self, text: str) -> str:
        """Return a summary of the first 1024 tokens of a text, about 750 words.

        Raises:
            Stopped: Nobody waits for it any longer.
        """
        states = self.encode(text)
        least = min(_LEAST_TOKENS, int(states.shape[1] * _LEAST_SHARE))
        written = self._decoder.write(states, least=least)
        # str: tokenizers ships no types.
        return str(self._tokenizer.decode(written, skip_special_tokens=True)).strip()

    def encode(self, text: str) -> Array:
        """Return the states of the tokens of a text, (1, length, size) float32."""
        tokens = np.array([self._tokenizer.encode(text).ids], np.int64)
        feeds = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        states: Array = self._encoder.run(None, feeds)[0]
        return states


@dataclass(frozen=True, slots=True)
class _Beams:
    """Unfinished summaries of one length, best first.

    Attributes:
        tokens: (beams, length) int64.
        scores: (beams,) float32, the sum of the logarithms of the tokens' probabilities.
    """

    tokens: NDArray[np.int64]
    scores: NDArray[np.float32]


class _Decoder:
    """Decoder with two caches: one of what it wrote, which grows, and one of the text."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        shapes = {one.name: one.shape for one in session.get_inputs()}
        self._shapes = {name: shape for name, shape in shapes.items() if name.startswith(_PAST)}
        expected = {"input_ids", "encoder_hidden_states", "encoder_attention_mask"}
        expected |= {"use_cache_branch", *self._shapes}
        if not self._shapes or set(shapes) != expected:
            raise ModelNotInstalled(f"the summarizer's decoder has the inputs {sorted(shapes)}")
        self._of_text = [name for name in self._shapes if ".encoder." in name]
        self._of_written = [name for name in self._shapes if ".encoder." not in name]

    def write(self, states: Array, *, least: int) -> list[int]:
        """Return the tokens of the best summary of a text, of at least `least` tokens."""
        beams = _Beams(np.array([_START], np.int64), np.zeros(1, np.float32))
        finished: list[tuple[float, list[int]]] = []
        logits, past = self._run(states, beams.tokens, self._empty(), self._shapes)
        text = {name: np.repeat(past[name], _BEAMS, axis=0) for name in self._of_text}
        written = {name: past[name] for name in self._of_written}
        states = np.repeat(states, _BEAMS, axis=0)
        while True:
            check_stop()
            chances = _allowed(_log_softmax(logits), beams.tokens, least=least)
            beams, parents = _extend(beams, chances, finished)
            if len(finished) >= _BEAMS or not len(beams.scores):
                return max(finished, key=lambda one: one[0])[1]
            past = text | {name: kept[parents] for name, kept in written.items()}
            logits, written = self._run(states, beams.tokens[:, -1:], past, self._of_written)

    def _empty(self) -> dict[str, Array]:
        """Return the caches before the first tokens; the one of a text must have a place."""
        places = dict.fromkeys(self._of_text, 1) | dict.fromkeys(self._of_written, 0)
        return {
            name: np.zeros([1, shape[1], places[name], shape[3]], np.float32)
            for name, shape in self._shapes.items()
        }

    def _run(
        self, states: Array, tokens: Array, past: dict[str, Array], caches: Iterable[str]
    ) -> tuple[Array, dict[str, Array]]:
        """Return the logits after the last tokens, (beams, tokens), and the named new caches."""
        feeds = {
            "input_ids": tokens,
            "encoder_hidden_states": states,
            "encoder_attention_mask": np.ones(states.shape[:2], np.int64),
            "use_cache_branch": np.array([past[self._of_written[0]].shape[2] > 0]),
            **past,
        }
        outputs = ["logits", *(name.replace(_PAST, "present.") for name in caches)]
        logits, *present = self._session.run(outputs, feeds)
        return logits[:, -1], dict(zip(caches, present, strict=True))


def _log_softmax(logits: Array) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _allowed(
    chances: NDArray[np.float32], tokens: NDArray[np.int64], *, least: int
) -> NDArray[np.float32]:
    """Forbid an end that is too early or too late, and three tokens that were there before."""
    length = tokens.shape[1]
    if length == _MOST_TOKENS - 1:
        forced = np.full_like(chances, -np.inf)
        forced[:, _END] = 0
        return forced
    if length < least:
        chances[:, _END] = -np.inf
    for row, chance in zip(tokens.tolist(), chances, strict=True):
        last = row[1 - _NEVER_TWICE :]
        for start in range(length - _NEVER_TWICE + 1):
            if row[start : start + _NEVER_TWICE - 1] == last:
                chance[row[start + _NEVER_TWICE - 1]] = -np.inf
    return chances


def _extend(
    beams: _Beams, chances: NDArray[np.float32], finished: list[tuple[float, list[int]]]
) -> tuple[_Beams, Sequence[int]]:
    """Return the best continuations and the places of their beams.

    A continuation that ends is added to `finished` where it is among the best four. Its score is
    divided by a power of its length, so that long summaries can win.
    """
    size = chances.shape[1]
    sums = (beams.scores[:, np.newaxis] + chances).ravel()
    best = np.argpartition(-sums, 2 * _BEAMS)[: 2 * _BEAMS]
    best = best[np.argsort(-sums[best], kind="stable")]
    kept: list[int] = []
    for rank, place in enumerate(best.tolist()):
        if place % size != _END:
            kept.append(place)
        elif rank < _BEAMS and np.isfinite(sums[place]):
            row = beams.tokens[place // size].tolist()
            finished.append((float(sums[place]) / len(row) ** _LENGTH_PENALTY, row))
    kept = [place for place in kept if np.isfinite(sums[place])][:_BEAMS]
    parents = [place // size for place in kept]
    added = np.array([place % size for place in kept], np.int64)
    tokens = np.concatenate([beams.tokens[parents], added[:, np.newaxis]], axis=1)
    return _Beams(tokens, sums[kept]), parents
