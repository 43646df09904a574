"""Detection of texts that are not English."""

from pathlib import Path

import pytest

from ocr.foreign import TextLanguageGuesser

TEXTS = Path(__file__).parents[2] / "benchmarks" / "texts"


@pytest.fixture(scope="module")
def guesser() -> TextLanguageGuesser:
    return TextLanguageGuesser()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("deu", "de"), ("fra", "fr"), ("spa", "es"), ("ita", "it"), ("pol", "pl"), ("tur", "tr"),
        ("rus", "ru"), ("ara", "ar"), ("hin", "hi"), ("chi_sim", "zh"), ("jpn", "ja"),
        ("kor", "ko"), ("tha", "th"), ("vie", "vi"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("letters", [60, 400])
def test_language_is_named(
    guesser: TextLanguageGuesser, name: str, code: str, letters: int
) -> None:
    guess = guesser.guess((TEXTS / f"{name}.txt").read_text("utf-8")[:letters])

    assert guess.is_foreign
    assert guess.code in {code, ""}
    assert letters < 400 or guess.code == code


@pytest.mark.parametrize("name", ["bos", "hrv", "ind", "msa", "syr"])
def test_text_between_foreign_languages_is_foreign(guesser: TextLanguageGuesser, name: str) -> None:
    assert guesser.guess((TEXTS / f"{name}.txt").read_text("utf-8")[:150]).is_foreign


@pytest.mark.parametrize("text", ["Привет, мир", "ありがとう", "שלום", "สวัสดี"])
def test_few_words_in_another_script_are_foreign(guesser: TextLanguageGuesser, text: str) -> None:
    assert guesser.guess(text).is_foreign


@pytest.mark.parametrize(
    "text",
    [
        "Total due",
        "TOTAL 12.50\nCASH 20.00\nCHANGE 7.50\nTHANK YOU COME AGAIN\nVISIT 8",
        "INVOICE No 4411 Date 3 May Qty Description Unit price Amount Widgets",
        "BOOK TA .K(TAMAN DAYA) SDN BND\n789417-W\nDOCUMENT NO : TD01167104\nCASH BILL\nCASHIER",
        "Mr John Smith, 12 Oak Street, Springfield, Illinois 62704",
        "Room 12 check-out 11 a.m. wifi password guest breakfast 7 to 10",
        "Latte 3.50 Croissant 2.20 Espresso 1.80 Panini 6.40 Thank you",
        "Never been to Hard Rock Casino before, WILL NEVER EVER STEP IN AGAIN",
    ],
)
def test_short_english_is_not_foreign(guesser: TextLanguageGuesser, text: str) -> None:
    assert not guesser.guess(text).is_foreign


def test_name_is_for_people(guesser: TextLanguageGuesser) -> None:
    guess = guesser.guess((TEXTS / "deu.txt").read_text("utf-8"))

    assert guess.name == "German (de)"
