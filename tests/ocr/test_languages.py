"""The table of languages."""

import subprocess
import sys

import pytest

from ocr.languages import (
    BOTH_LINES,
    PP_OCR_LINES,
    TESSERACT_LINES,
    all_languages,
    debian_packages,
)


def test_table_has_every_code_of_the_public_api() -> None:
    languages = all_languages()

    assert len(languages) == 102
    assert list(languages) == sorted(languages)


def test_every_code_has_a_route_and_its_measured_error() -> None:
    for language in all_languages().values():
        assert language.route in {PP_OCR_LINES, TESSERACT_LINES, BOTH_LINES}
        assert 0 <= language.error_rate < 0.3
        assert 0 <= language.photo_error_rate < 0.3


def test_tags_are_of_one_language_each() -> None:
    assert len({language.tag for language in all_languages().values()}) == 102


@pytest.mark.parametrize("code", ["slk", "vie"])
def test_language_whose_letters_ppocr_misses_goes_to_tesseract(code: str) -> None:
    assert all_languages()[code].route == TESSERACT_LINES


@pytest.mark.parametrize(
    ("code", "model", "package"),
    [
        ("kur", "kmr", "tesseract-ocr-kmr"),
        ("tgl", "fil", "tesseract-ocr-fil"),
        ("aze_cyrl", "script/Cyrillic", "tesseract-ocr-script-cyrl"),
        ("kat_old", "script/Georgian", "tesseract-ocr-script-geor"),
        ("frk", "script/Fraktur", "tesseract-ocr-script-frak"),
        ("kan", "script/Kannada", "tesseract-ocr-script-knda"),
        ("spa_old", "spa_old", "tesseract-ocr-spa-old"),
        ("hin", "hin", "tesseract-ocr-hin"),
        ("dzo", "bod", "tesseract-ocr-bod"),
        ("tir", "amh", "tesseract-ocr-amh"),
        ("fas", "script/Arabic", "tesseract-ocr-script-arab"),
    ],
)
def test_code_has_the_data_that_reads_it_best(code: str, model: str, package: str) -> None:
    language = all_languages()[code]

    assert (language.tesseract, language.tesseract_package) == (model, package)


def test_language_of_ppocr_needs_no_package() -> None:
    assert all_languages()["eng"].packages == ()
    assert all_languages()["eus"].packages == ()


def test_packages_are_printed_one_a_line() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "ocr.packages"], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert tuple(printed) == debian_packages()
    assert "tesseract-ocr-osd" in printed
    assert "tesseract-ocr-slk" in printed
    assert "tesseract-ocr-eng" in printed  # clean pages of PP-OCR's languages
    assert "tesseract-ocr-chi-sim" not in printed
