"""Summarizes, tags and judges English text, and says so when the text is in another language."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocr.embedding import SentenceEmbedder
from ocr.foreign import LanguageGuesser
from ocr.sentences import find_prose, split_sentences
from ocr.sentiment import Sentiment, SentimentJudge
from ocr.summary import summarize
from ocr.tagging import Tagger

# Only so many sentences are embedded, which bounds the time; a full page has about forty.
_MOST_SENTENCES = 200
_SUMMARY_PART = 3  # a summary is at most the third part of the text


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found out about a text.

    Attributes:
        summary: sentences of the text, at most a third of it; empty when it was not analyzed or
            is too short.
        sentiment: the tone; None when it was not analyzed.
        tags: topics and the kind of document, best first.
        language: ISO 639-1 code; empty when in doubt.
        notice: why the text was not analyzed; else empty.
    """

    summary: str
    sentiment: Sentiment | None
    tags: tuple[str, ...]
    language: str
    notice: str


class Analyzer:
    """The embedding model and what stands on it; for one thread."""

    def __init__(self, folder: Path, *, device: str) -> None:
        """Load the model from its folder and embed all topics."""
        self._embedder = SentenceEmbedder(folder, device=device)
        self._tagger = Tagger(self._embedder)
        self._judge = SentimentJudge()
        self._guesser = LanguageGuesser()

    def analyze(self, text: str) -> Analysis:
        """Analyze a text; one that is empty or not English gets a notice instead."""
        sentences = split_sentences(text)[:_MOST_SENTENCES]
        if not any(letter.isalpha() for letter in text) or not sentences:
            return _not_analyzed("", "there is no text to analyze")
        language = self._guesser.guess(text)
        if language.is_foreign:
            notice = f"the text looks like {language.name}; only English is analyzed"
            return _not_analyzed(language.code, notice)
        joined = " ".join(text.split())
        rows = self._embedder.embed([*sentences, joined])
        embeddings, whole = rows[:-1], np.asarray(rows[-1], np.float32)
        return Analysis(
            summary=summarize(sentences, embeddings, room=len(joined) // _SUMMARY_PART),
            sentiment=self._judge.judge(sentences, embeddings),
            tags=self._tagger.tag(text, whole, embeddings[find_prose(sentences)]),
            language=language.code,
            notice="",
        )


def _not_analyzed(language: str, notice: str) -> Analysis:
    return Analysis(summary="", sentiment=None, tags=(), language=language, notice=notice)
