"""Summary, tags, tone and language of texts."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from modelkit.manifest import find_model, load_manifest
from ocr.analysis import Analyzer
from ocr.embedding import SIZE, SentenceEmbedder
from ocr.sentences import split_paragraphs, split_sentences
from ocr.summary import summarize
from tests.ocr.letters import COMPLAINT, COVER_LETTER, GERMAN, LEASE, RECIPE


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    empty = tmp_path_factory.mktemp("models")
    return find_model(load_manifest("ocr"), "embed-text", models_dir=empty).path.parent


@pytest.fixture(scope="module")
def analyzer(model_dir: Path) -> Analyzer:
    return Analyzer(model_dir, device="cpu")


def test_embeddings_are_of_length_one_and_in_order(model_dir: Path) -> None:
    embedder = SentenceEmbedder(model_dir, device="cpu")

    rows = embedder.embed(["a dog", "one " * 300, "a puppy", "an invoice", "a cat", "rent"])

    assert rows.shape == (6, SIZE)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[2] > rows[0] @ rows[3]
    assert embedder.embed([]).shape == (0, SIZE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("one\n\ntwo", ["one", "two"]),
        ("He was gen-\ntle to them.", ["He was gentle to them."]),
        ("Anna Lee\nThis long line goes on\nand ends in the next.", 2),
    ],
)
def test_lines_are_joined_to_paragraphs(text: str, expected: list[str] | int) -> None:
    paragraphs = split_paragraphs(text)

    assert (len(paragraphs) if isinstance(expected, int) else paragraphs) == expected


def test_abbreviations_end_no_sentence() -> None:
    assert len(split_sentences("Mr. Clarke came at 5 p.m. on Friday. He left.")) == 2


def test_summary_has_whole_sentences_in_order(analyzer: Analyzer) -> None:
    summary = analyzer.analyze(COVER_LETTER).summary

    text = " ".join(COVER_LETTER.split())
    assert 0 < len(summary) <= len(text) / 3
    places = [text.index(sentence) for sentence in split_sentences(summary)]
    assert places == sorted(places)
    assert "Marketing Manager" in summary


def test_short_text_is_its_own_summary(analyzer: Analyzer) -> None:
    assert analyzer.analyze("We are closed.\nCome again!").summary == "We are closed. Come again!"


def test_summary_of_headings_is_the_shortest() -> None:
    rows = np.eye(3, SIZE, dtype=np.float32)

    assert summarize(["Monday closed", "Tuesday", "Wednesday 9 to 5"], rows) == "Tuesday"


@pytest.mark.parametrize(
    ("text", "tags", "tone"),
    [
        (COVER_LETTER, {"Marketing and Advertising", "Cover Letter"}, "positive"),
        (COMPLAINT, {"Complaint"}, "negative"),
        (LEASE, {"Real Estate Renting and Leasing", "Real Estate", "Lease Agreement"}, "neutral"),
        (RECIPE, {"Desserts and Baking", "Food & Drink", "Recipe"}, "neutral"),
    ],
)
def test_text_gets_tags_and_tone(analyzer: Analyzer, text: str, tags: set[str], tone: str) -> None:
    analysis = analyzer.analyze(text)

    assert tags <= set(analysis.tags)
    assert analysis.sentiment is not None
    assert analysis.sentiment.tone == tone
    assert 0.5 <= analysis.sentiment.confidence <= 1
    assert (analysis.language, analysis.notice) == ("en", "")


def test_tags_hold_no_comma(analyzer: Analyzer) -> None:
    """The public API joins them with ", "."""
    lines = resources.files("ocr").joinpath("topics.tsv").read_text("utf-8").splitlines()

    assert not [line for line in lines if "," in line and not line.startswith("#")]
    assert all("," not in tag for tag in analyzer.analyze(COMPLAINT).tags)


def test_text_in_another_language_is_not_analyzed(analyzer: Analyzer) -> None:
    analysis = analyzer.analyze(GERMAN)

    assert (analysis.summary, analysis.sentiment, analysis.tags) == ("", None, ())
    assert analysis.language == "de"
    assert analysis.notice == "the text looks like German (de); only English is analyzed"


@pytest.mark.parametrize("text", ["", "   \n ", "12.50 / 99", "....", "\x00\x01"])
def test_text_without_words_is_not_analyzed(analyzer: Analyzer, text: str) -> None:
    analysis = analyzer.analyze(text)

    assert (analysis.sentiment, analysis.language) == (None, "")
    assert analysis.notice == "there is no text to analyze"


def test_few_words_have_no_language_but_an_analysis(analyzer: Analyzer) -> None:
    analysis = analyzer.analyze("Total due")

    assert (analysis.language, analysis.summary) == ("", "Total due")


def test_topics_credit_their_source() -> None:
    text = resources.files("ocr").joinpath("topics.tsv").read_text("utf-8")

    assert "IAB Tech Lab Content Taxonomy 3.1, CC BY 3.0" in text.splitlines()[0]


def test_head_names_its_data() -> None:
    head = json.loads(resources.files("ocr").joinpath("weights/sentiment.json").read_text("utf-8"))

    assert len(head["weights"]) == SIZE
    assert "CC BY 4.0" in head["data"]
