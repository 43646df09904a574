"""Summary, tags, tone and language of texts."""

import tomllib
from importlib import resources

import numpy as np
import pytest

from modelkit.manifest import load_manifest
from ocr.analysis import Analyzer
from ocr.embedding import SIZE
from ocr.loaders import load_analyzer, load_embedder
from ocr.sentences import find_prose, split_paragraphs, split_sentences
from ocr.settings import OcrSettings
from ocr.summary import summarize
from scripts.tables.analysis import DOCUMENTS
from tests.ocr.letters import COMPLAINT, COVER_LETTER, GERMAN, LEASE, RECIPE


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return load_analyzer(OcrSettings(threads=1), load_manifest("ocr")).model


def test_embeddings_are_of_length_one_and_in_order() -> None:
    embedder = load_embedder(OcrSettings(threads=1), load_manifest("ocr")).model

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


@pytest.mark.parametrize(
    "text",
    [
        "Total due",
        "We are closed.\nCome again!",
        "The quick brown fox jumps over the lazy dog that sleeps beside the river",
        "Monday closed\nTuesday 9 to 5\nWednesday 9 to 5\nThursday closed",
        "- bread\n- butter\n- two eggs\n- a pinch of salt\n- flour",
        "Mr. and Mrs. J. R. Lee Jr. of St. Paul, Minn., met Dr. A. B. Cole at 5 p.m. on Oct. 3.",
        "Dear Sir,\n\nYours faithfully,\nPaul",
        "Really?! Yes... No! What?",
        "word " * 700,
        "Supercalifragilistic" * 30,
        "The garden is open from May to September, and entry is free. " * 820,
        "HELP\nthe \x00 shop ☂ is open\n\n\n.\n.\n?",
        COVER_LETTER,
        RECIPE,
    ],
    ids=lambda text: text[:12],
)
def test_summary_is_never_longer_than_a_third(analyzer: Analyzer, text: str) -> None:
    analysis = analyzer.analyze(text)

    assert analysis.notice == ""
    assert 3 * len(analysis.summary) <= len(" ".join(text.split()))


def test_only_sentence_is_cut_after_a_word(analyzer: Analyzer) -> None:
    text = "The meeting of the garden club is moved from Monday to Friday because of the rain."

    assert analyzer.analyze(text).summary == "The meeting of the garden…"


def test_summary_leaves_headings_and_greetings_out(analyzer: Analyzer) -> None:
    text = "GARDEN CLUB NEWS OF THE MONTH\n\nDear members, how are you?\n\n" + "\n".join(
        ["The garden club meets on Friday.", "Bring your own tools.", "Tea is at four o'clock."] * 2
    )

    summary = analyzer.analyze(text).summary

    assert summary
    assert "NEWS" not in summary
    assert "Dear" not in summary


def test_exclamations_have_a_tone(analyzer: Analyzer) -> None:
    sentiment = analyzer.analyze("Awful! Never again. We went there on the third of May.").sentiment

    assert sentiment is not None
    assert sentiment.tone == "negative"


def test_summary_without_room_is_empty() -> None:
    rows = np.eye(1, SIZE, dtype=np.float32)

    assert summarize(["Unforgettable."], rows, room=4) == ""


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (["Anna Lee", "Dear Tom,", "We have won the cup.", "Well done!", "With best wishes,"], [2]),
        (["Monday closed", "We open at nine on Tuesday"], [1]),
        (["Monday closed", "Tuesday"], [0, 1]),
    ],
)
def test_prose_is_what_says_something(sentences: list[str], expected: list[int]) -> None:
    assert find_prose(sentences) == expected


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

    assert (analysis.language, analysis.notice) == ("", "")
    assert analysis.sentiment is not None


def test_signs_of_a_kind_may_be_on_two_lines(analyzer: Analyzer) -> None:
    text = "Notice of public\nmeeting\n\nThe council meets on Monday."

    assert analyzer.analyze(text).tags[-1] == "Meeting Notice"


def test_key_words_are_no_names_and_differ(analyzer: Analyzer) -> None:
    text = "Brightwick and Cheltenham: the lamp smoked, was smoking and smokes. Batch 4410."

    tags = analyzer.analyze(text).tags

    assert sum(tag.startswith("smok") for tag in tags) <= 1
    assert not {"brightwick", "cheltenham"} & set(tags)


@pytest.mark.parametrize(
    ("sentence", "tone"),
    [
        ("This is the best meal that I have had in years.", "positive"),
        ("What a dreadful waste of money.", "negative"),
        ("I am not happy with it.", "negative"),
        ("The bus stops at the gate.", "neutral"),
    ],
)
def test_sentence_has_its_tone(analyzer: Analyzer, sentence: str, tone: str) -> None:
    sentiment = analyzer.analyze(sentence).sentiment

    assert sentiment is not None
    assert sentiment.tone == tone


def test_topics_credit_their_source() -> None:
    text = resources.files("ocr").joinpath("topics.tsv").read_text("utf-8")

    assert "IAB Tech Lab Content Taxonomy 3.1, CC BY 3.0" in text.splitlines()[0]


def test_every_document_is_judged() -> None:
    judged = tomllib.loads((DOCUMENTS / "judged.toml").read_text("utf-8"))

    assert set(judged) == {path.stem for path in DOCUMENTS.glob("*.txt")}
