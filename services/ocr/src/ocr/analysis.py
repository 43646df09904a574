"""Summarizes, tags and judges English text, and says so when the text is in another language."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from py3langid.langid import (  # type: ignore[import-untyped]  # it ships no types
    MODEL_FILE,
    LanguageIdentifier,
)

from ocr.embedding import SentenceEmbedder
from ocr.sentences import split_sentences
from ocr.sentiment import Sentiment, SentimentJudge
from ocr.summary import summarize
from ocr.tagging import Tagger

# The identifier guesses wildly on a few words.
_LEAST_LETTERS = 40
_SURE_LANGUAGE = 0.8
_ENGLISH = "en"
# Names for the notice; any other language goes by its code alone.
_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "es": "Spanish", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "la": "Latin", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
# Only so many sentences are embedded, which bounds the time; a full page has about forty.
_MOST_SENTENCES = 200


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found out about a text.

    Attributes:
        summary: sentences of the text; empty when it was not analyzed.
        sentiment: the tone; None when it was not analyzed.
        tags: topics and the kind of document, best first.
        language: ISO 639-1 code; empty when there is too little text to tell.
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
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def analyze(self, text: str) -> Analysis:
        """Analyze a text; one that is empty or not English gets a notice instead."""
        sentences = split_sentences(text)[:_MOST_SENTENCES]
        if not any(letter.isalpha() for letter in text) or not sentences:
            return _not_analyzed("", "there is no text to analyze")
        language = self._find_language(text)
        if language not in ("", _ENGLISH):
            name = f"{_NAMES[language]} ({language})" if language in _NAMES else language
            notice = f"the text looks like {name}; only English is analyzed"
            return _not_analyzed(language, notice)
        rows = self._embedder.embed([*sentences, " ".join(text.split())])
        embeddings, whole = rows[:-1], np.asarray(rows[-1], np.float32)
        return Analysis(
            summary=summarize(sentences, embeddings),
            sentiment=self._judge.judge(sentences, embeddings),
            tags=self._tagger.tag(text, whole, embeddings),
            language=language,
            notice="",
        )

    def _find_language(self, text: str) -> str:
        if sum(letter.isalpha() for letter in text) < _LEAST_LETTERS:
            return ""
        language, probability = self._identifier.classify(" ".join(text.split()))
        return str(language) if probability >= _SURE_LANGUAGE else ""


def _not_analyzed(language: str, notice: str) -> Analysis:
    return Analysis(summary="", sentiment=None, tags=(), language=language, notice=notice)
