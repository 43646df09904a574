"""Tags of an English text, by its similarity to descriptions of topics and kinds."""

import math
import re
import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from ocr.embedding import Embeddings, SentenceEmbedder

# Cosines below these are mostly noise (ten documents looked at by hand).
_LEAST_TOPIC = 0.30
_LEAST_KIND = 0.32
_MOST_TOPICS = 2
_SENTENCES_PER_COUNTED = 3  # a topic is scored by the third of the sentences that is closest to it
_FIRST_WORDS = 60  # where a letter says what it is
_MOST_PHRASES = 3
_MOST_CANDIDATES = 200  # bounds the time
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{3,}")
_SAME_START = 4  # letters from which two words count as one: smoked, smoking
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
    """Tagger with the embeddings of all topics and kinds."""

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
            sentences: one row per sentence of it, without headings and greetings.
        """
        scores = self._score_topics(whole, sentences)
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

    def _score_topics(
        self, whole: NDArray[np.float32], sentences: Embeddings
    ) -> NDArray[np.float32]:
        counted = math.ceil(len(sentences) / _SENTENCES_PER_COUNTED)
        closest = np.sort(self._topic_rows @ sentences.T, axis=1)[:, -counted:]
        scores: NDArray[np.float32] = (self._topic_rows @ whole + closest.mean(axis=1)) / 2
        return scores

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
        candidates = _find_candidates(text)
        if not candidates:
            return []
        scores = self._embedder.embed(candidates) @ whole
        chosen: dict[str, str] = {}
        for index in np.argsort(-scores, kind="stable"):
            word = candidates[index]
            chosen.setdefault(word[:_SAME_START], word)
        return list(chosen.values())[:_MOST_PHRASES]


def _find_candidates(text: str) -> list[str]:
    """Return the words that may carry a topic; names only where there is nothing else."""
    words = [word for word in _WORD.findall(text) if word.lower() not in _COMMON]
    small = [word for word in words if word.islower()]
    return list(dict.fromkeys(word.lower() for word in small or words))[:_MOST_CANDIDATES]


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
            tuple(map(_compile_sign, kind.get("signs", ()))),
        )
        for kind in table["kind"]
    ]


def _compile_sign(sign: str) -> re.Pattern[str]:
    """Compile an expression whose words may stand on two lines of the text."""
    return re.compile(sign.replace(" ", r"\s+"), re.IGNORECASE | re.MULTILINE)
