"""The table of languages."""

import subprocess
import sys

import pytest

from ocr.languages import (
    PP_OCR,
    TESSERACT,
    all_languages,
    debian_packages,
    find_language,
)
from servicekit.errors import UnsupportedLanguage


def test_table_has_every_code_of_the_public_api() -> None:
    languages = all_languages()

    assert len(languages) == 102
    assert list(languages) == sorted(languages)


def test_engines_divide_the_languages() -> None:
    engines = [language.engine for language in all_languages().values()]

    assert engines.count(PP_OCR) == 49
    assert engines.count(TESSERACT) == 53


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
    ],
)
def test_code_has_the_data_that_reads_it_best(code: str, model: str, package: str) -> None:
    language = find_language(code)

    assert (language.tesseract, language.tesseract_package) == (model, package)


def test_language_of_ppocr_needs_no_package() -> None:
    assert find_language("eng").packages == ()
    assert find_language("eus").packages == ()


def test_empty_code_is_english() -> None:
    assert find_language("").code == "eng"


@pytest.mark.parametrize("code", ["xyz", "ENG", "eng+deu", "../osd", "e" * 10_000])
def test_unknown_code_says_how_to_list_them(code: str) -> None:
    with pytest.raises(UnsupportedLanguage, match="ListLanguages") as caught:
        find_language(code)

    assert len(str(caught.value)) < 200


def test_packages_are_printed_one_a_line() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "ocr.packages"], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert tuple(printed) == debian_packages()
    assert len(printed) == 54
    assert "tesseract-ocr-osd" in printed
    assert "tesseract-ocr-eng" not in printed
