"""Tesseract in process."""

from pathlib import Path

import numpy as np
import pytest

from ocr.asking import find_language
from ocr.tesseract import Tesseract, find_data_dir, tesseract_version
from servicekit.errors import LanguageNotInstalled
from tests.ocr.printed import rectangle
from tests.ocr.written import SLOVAK_LINES, draw_lines, ends_of_words

SLOVAK = find_language("slk")


@pytest.fixture
def tesseract() -> Tesseract:
    tesseract = Tesseract(find_data_dir(""), max_loaded=2)
    if not tesseract.has(SLOVAK):
        pytest.skip("Tesseract's Slovak data is not installed")
    return tesseract


def test_page_is_read_line_by_line(tesseract: Tesseract) -> None:
    lines = tesseract.read_page(draw_lines(*SLOVAK_LINES), SLOVAK)

    assert tuple(line.text for line in lines) == SLOVAK_LINES
    assert lines[0].corners[0, 1] < lines[1].corners[0, 1]
    assert all(0.5 < line.confidence <= 1 for line in lines)


def test_single_line_is_read_in_color_and_grey_and_without_a_look_for_words(
    tesseract: Tesseract,
) -> None:
    pixels = draw_lines(SLOVAK_LINES[0])
    grey = np.ascontiguousarray(pixels[:, :, 0])

    assert tesseract.read_line(pixels, SLOVAK).text == SLOVAK_LINES[0]
    assert tesseract.read_line(grey, SLOVAK).text == SLOVAK_LINES[0]
    assert "medved" in tesseract.read_line(pixels[25:70], SLOVAK, raw=True).text


def test_middle_of_each_word_of_a_line_is_where_it_was_drawn(tesseract: Tesseract) -> None:
    text = SLOVAK_LINES[0]
    line = rectangle(20, 24, 600, 48)

    (read,) = tesseract.read_lines(draw_lines(text), [line], SLOVAK)

    assert " ".join(word.text for word in read.words) == read.text == text
    for word, (left, right) in zip(read.words, ends_of_words(text), strict=True):
        assert left <= word.corners[:, 0].mean() <= right


def test_middle_of_each_word_of_a_page_is_where_it_was_drawn(tesseract: Tesseract) -> None:
    (line,) = tesseract.read_page(draw_lines(SLOVAK_LINES[0]), SLOVAK)

    for word, (left, right) in zip(line.words, ends_of_words(line.text), strict=True):
        assert left <= word.corners[:, 0].mean() <= right
        assert 24 <= word.corners[:, 1].mean() <= 80


def test_empty_page_has_no_lines(tesseract: Tesseract) -> None:
    blank = np.full((200, 300, 3), 255, np.uint8)

    assert tesseract.read_page(blank, SLOVAK) == []


def test_language_used_longest_ago_makes_room(tesseract: Tesseract) -> None:
    others = [find_language(code) for code in ("ces", "deu", "vie", "ita_old", "spa_old")]
    pixels = draw_lines(SLOVAK_LINES[0])

    for language in [SLOVAK, *filter(tesseract.has, others), SLOVAK]:
        read = tesseract.read_line(pixels, language)

        assert "medved" in read.text


def test_missing_data_names_its_package(tmp_path: Path) -> None:
    tesseract = Tesseract(tmp_path, max_loaded=2)

    with pytest.raises(LanguageNotInstalled, match="apt-get install tesseract-ocr-slk"):
        tesseract.read_page(draw_lines(SLOVAK_LINES[0]), SLOVAK)


def test_script_model_is_found_flat_and_in_its_folder(tmp_path: Path) -> None:
    fraktur = find_language("frk")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat/Fraktur.traineddata").touch()
    (tmp_path / "deep/script").mkdir(parents=True)
    (tmp_path / "deep/script/Fraktur.traineddata").touch()

    assert Tesseract(tmp_path / "flat", max_loaded=2).has(fraktur)
    assert Tesseract(tmp_path / "deep", max_loaded=2).has(fraktur)
    assert not Tesseract(tmp_path, max_loaded=2).has(fraktur)


def test_without_orientation_data_no_turn_is_known(tmp_path: Path) -> None:
    tesseract = Tesseract(tmp_path, max_loaded=2)

    assert tesseract.clockwise_turn(draw_lines(SLOVAK_LINES[0])) is None


def test_version_has_numbers() -> None:
    assert tesseract_version().count(".") == 2
