"""Names the topics and the kind of an English text by comparing it with short descriptions."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from ocr.embedding import Embeddings, SentenceEmbedder

# Cosines below these are mostly noise (ten documents looked at by hand).
_LEAST_TOPIC = 0.30
_LEAST_KIND = 0.32
_MOST_TOPICS = 2
_FIRST_WORDS = 60  # where a letter says what it is
_MOST_PHRASES = 3
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{3,}")
# Words that carry no topic; shorter ones than four letters are never candidates.
_COMMON = frozenset(
    """
    about above after again also although always among another because been before being below
    between both cannot could does doing down during each even ever every from further have having
    here hers herself himself however into itself just like made make many might more most much must
    myself never only other ours over please same shall should since some still such than that their
    theirs them themselves then there these they this those through thus under until upon very were
    what when where which while whom will with within without would your yours yourself dear
    sincerely regards
    """.split()  # noqa: SIM905 - a block of words reads better than 100 quoted lines
)


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    descriptions: tuple[str, ...]
    signs: tuple[re.Pattern[str], ...]


class Tagger:
    """The topics and the kinds with their embeddings."""

    def __init__(self, embedder: SentenceEmbedder) -> None:
        """Embed every topic and every description, once."""
        self._embedder = embedder
        self._topics = _read_topics()
        self._topic_rows = embedder.embed(
            [f"This text is about {name}." for name, _ in self._topics]
        )
        self._kinds = _read_kinds()
        texts = [text for kind in self._kinds for text in kind.descriptions]
        self._kind_rows = embedder.embed(texts)

    def tag(self, text: str, whole: NDArray[np.float32], sentences: Embeddings) -> tuple[str, ...]:
        """Return topics, the category above the first, and the kind of document; best first.

        Args:
            text: the whole text.
            whole: (384,), its embedding.
            sentences: one row per sentence of it.
        """
        scores = (self._topic_rows @ whole + (self._topic_rows @ sentences.T).mean(axis=1)) / 2
        best = [
            int(index)
            for index in np.argsort(-scores, kind="stable")[:_MOST_TOPICS]
            if scores[index] >= _LEAST_TOPIC
        ]
        tags = [self._topics[index][0] for index in best]
        if best:
            tags.append(self._topics[best[0]][1])
        kind = self._find_kind(text, whole)
        if kind is not None:
            tags.append(kind)
        if not best:
            tags = self._key_phrases(text, whole) + tags
        return tuple(dict.fromkeys(tags))

    def _find_kind(self, text: str, whole: NDArray[np.float32]) -> str | None:
        for kind in self._kinds:
            if any(sign.search(text) for sign in kind.signs):
                return kind.name
        first = self._embedder.embed([" ".join(text.split()[:_FIRST_WORDS])])[0]
        similarity = self._kind_rows @ (whole + first) / 2
        start, best_name, best_score = 0, None, _LEAST_KIND
        for kind in self._kinds:
            score = float(similarity[start : start + len(kind.descriptions)].max())
            start += len(kind.descriptions)
            if score > best_score:
                best_name, best_score = kind.name, score
        return best_name

    def _key_phrases(self, text: str, whole: NDArray[np.float32]) -> list[str]:
        """Return the words of the text that are closest to its meaning."""
        words = [word.lower() for word in _WORD.findall(text) if word.lower() not in _COMMON]
        candidates = list(dict.fromkeys(words))[:200]
        if not candidates:
            return []
        scores = self._embedder.embed(candidates) @ whole
        order: Sequence[int] = np.argsort(-scores, kind="stable")[:_MOST_PHRASES].tolist()
        return [candidates[index] for index in order]


def _read_topics() -> list[tuple[str, str]]:
    lines = resources.files("ocr").joinpath("topics.tsv").read_text("utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(name, category) for name, category in pairs]


def _read_kinds() -> list[_Kind]:
    table = tomllib.loads(resources.files("ocr").joinpath("kinds.toml").read_text("utf-8"))
    return [
        _Kind(
            kind["name"],
            tuple(kind["descriptions"]),
            tuple(re.compile(sign, re.IGNORECASE | re.MULTILINE) for sign in kind.get("signs", ())),
        )
        for kind in table["kind"]
    ]
