"""Analysis of English text: summary, sentiment and tags, or a notice for other languages."""

from dataclasses import dataclass

from ocr.embedding import SentenceEmbedder
from ocr.foreign import TextLanguageGuesser
from ocr.sentences import find_prose, split_sentences
from ocr.sentiment import Sentiment, judge
from ocr.summary import summarize
from ocr.tagging import Tagger

# Only so many sentences are embedded, which bounds the time; a full page has about forty.
_MOST_SENTENCES = 200
_SUMMARY_PART = 3  # a summary is at most the third part of the text


@dataclass(frozen=True, slots=True)
class Analysis:
    """Result of analyzing a text.

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
    """Summary, tone and tags of a text; for one thread.

    Args:
        embedder: Gives embeddings and tones.
    """

    def __init__(self, embedder: SentenceEmbedder) -> None:
        self._embedder = embedder
        self._tagger = Tagger(embedder)
        self._guesser = TextLanguageGuesser()

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
        embeddings, tones = self._embedder.read(sentences)
        (whole,) = self._embedder.embed([joined])
        return Analysis(
            summary=summarize(sentences, embeddings, room=len(joined) // _SUMMARY_PART),
            sentiment=judge(sentences, tones),
            tags=self._tagger.tag(text, whole, embeddings[find_prose(sentences)]),
            language=language.code,
            notice="",
        )


def _not_analyzed(language: str, notice: str) -> Analysis:
    return Analysis(summary="", sentiment=None, tags=(), language=language, notice=notice)
