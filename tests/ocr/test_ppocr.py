"""PP-OCRv6 small by itself."""

import logging

import numpy as np
import pytest

from modelkit.manifest import find_model, load_manifest
from modelkit.runtime import Runtime
from ocr.ppocr import MAX_LINE_ASPECT, PpOcr
from tests.ocr.written import PANGRAM, draw_lines, ends_of_words


@pytest.fixture(scope="module")
def ppocr(tmp_path_factory: pytest.TempPathFactory) -> PpOcr:
    entries, empty = load_manifest("ocr"), tmp_path_factory.mktemp("models")
    detector = find_model(entries, "detect-text", models_dir=empty)
    recognizer = find_model(entries, "read-text", models_dir=empty)
    return PpOcr(detector, recognizer, Runtime())


def test_lines_are_found_and_read(ppocr: PpOcr) -> None:
    pixels = draw_lines(PANGRAM, "Invoice No. 4711")

    lines = sorted(ppocr.detect(pixels), key=lambda corners: float(corners[0, 1]))
    read = ppocr.read_lines(pixels, lines)

    assert [line.text for line in read] == [PANGRAM, "Invoice No. 4711"]
    assert all(0.9 < line.confidence <= 1 for line in read)


@pytest.mark.parametrize("text", [PANGRAM, "I am 7 ill ants in a WWW", "word"])
def test_middle_of_each_word_is_where_it_was_drawn(ppocr: PpOcr, text: str) -> None:
    pixels = draw_lines(text)

    (read,) = ppocr.read_lines(pixels, ppocr.detect(pixels))

    assert " ".join(word.text for word in read.words) == read.text == text
    for word, (left, right) in zip(read.words, ends_of_words(text), strict=True):
        assert left <= word.corners[:, 0].mean() <= right
        assert 0.5 < word.confidence <= 1


def test_words_of_an_upright_line_follow_it(ppocr: PpOcr) -> None:
    turned = np.ascontiguousarray(np.rot90(draw_lines(PANGRAM), -1))

    (read,) = ppocr.read_lines(turned, ppocr.detect(turned))

    assert read.text == PANGRAM
    for word, (top, bottom) in zip(read.words, ends_of_words(PANGRAM), strict=True):
        assert top <= word.corners[:, 1].mean() <= bottom


def test_empty_page_has_no_lines(ppocr: PpOcr) -> None:
    blank = np.full((200, 300, 3), 255, np.uint8)

    assert ppocr.detect(blank) == []
    assert ppocr.read_lines(blank, []) == []


def test_very_long_and_very_thin_lines_cost_no_more_than_others(ppocr: PpOcr) -> None:
    pixels = np.full((3000, 3000, 3), 255, np.uint8)
    thin = np.array([[0.0, 0.0], [2999.0, 0.0], [2999.0, 2.0], [0.0, 2.0]])
    upright = thin[:, ::-1][[0, 3, 2, 1]].copy()

    read = ppocr.read_lines(pixels, [thin, upright])

    assert len(read) == 2
    assert MAX_LINE_ASPECT <= 64


def test_nothing_is_said_on_the_console(ppocr: PpOcr, capfd: pytest.CaptureFixture[str]) -> None:
    ppocr.detect(np.full((64, 64, 3), 255, np.uint8))

    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("RapidOCR").level == logging.ERROR
