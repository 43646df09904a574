"""Choice between the engines, and turned pages."""

from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modelkit.images import RgbImage
from modelkit.manifest import load_manifest
from modelkit.stopping import Stopped, new_stop
from ocr.asking import find_language
from ocr.languages import (
    BOTH_LINES,
    PP_OCR,
    TESSERACT,
    TESSERACT_PAGE,
    Language,
    all_languages,
)
from ocr.loaders import load_ppocr
from ocr.ppocr import PpOcr
from ocr.preparation import fit, turn
from ocr.reading import Reader
from ocr.settings import OcrSettings
from ocr.tesseract import Tesseract, find_data_dir
from servicekit.errors import LanguageNotInstalled
from tests.ocr.written import PANGRAM, SLOVAK_LINES, draw_lines

ENGLISH, SLOVAK = find_language("eng"), find_language("slk")
PAGE = [PANGRAM, "Nine long lines of plain text stand here", "and say nothing but that they do"]


@pytest.fixture(scope="module")
def ppocr(tmp_path_factory: pytest.TempPathFactory) -> PpOcr:
    settings = OcrSettings(models_dir=tmp_path_factory.mktemp("models"), threads=1)
    return load_ppocr(settings, load_manifest("ocr")).model


@pytest.fixture
def slovak(reader: Reader) -> Reader:
    if not reader.is_installed(SLOVAK):
        pytest.skip("Tesseract's Slovak data is not installed")
    return reader


def test_page_that_nobody_waits_for_is_read_no_further(reader: Reader, ppocr: PpOcr) -> None:
    pixels = draw_lines(*PAGE)
    pieces = ppocr.detect(pixels)
    reads: list[Callable[[], object]] = [
        lambda: reader.read(fit(pixels), ENGLISH),
        lambda: ppocr.read_lines(pixels, pieces),
        lambda: Tesseract(find_data_dir("")).read_page(pixels, ENGLISH),
    ]

    def read_when_gone() -> None:
        new_stop().set()
        for read in reads:
            with pytest.raises(Stopped):
                read()

    copy_context().run(read_when_gone)


@pytest.mark.parametrize(
    ("degrees", "languages"), [(90, (ENGLISH,)), (180, (ENGLISH,)), (180, ()), (270, ())]
)
def test_turned_page_is_read_like_the_upright_one(
    reader: Reader, degrees: int, languages: tuple[Language, ...]
) -> None:
    upright = draw_lines(*PAGE)
    height, width = turn(upright, degrees).shape[:2]

    page = reader.read(fit(turn(upright, degrees)), *languages)

    assert page.text.split("\n") == PAGE
    assert page.rotation_degrees == 360 - degrees
    corners = np.concatenate([line.corners for line in page.lines])
    assert (corners >= 0).all()
    assert (corners <= (width, height)).all()


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_page_is_turned_without_orientation_data(ppocr: PpOcr, degrees: int) -> None:
    alone = Reader(ppocr, Tesseract(None))

    page = alone.read(fit(turn(draw_lines(*PAGE), degrees)), ENGLISH)

    assert page.text.split("\n") == PAGE
    assert page.rotation_degrees == 360 - degrees


def test_tesseract_reads_its_languages(slovak: Reader) -> None:
    page = slovak.read(fit(draw_lines(*SLOVAK_LINES)), SLOVAK)

    assert (page.engine, page.route) == (TESSERACT, TESSERACT_PAGE)
    assert tuple(page.text.split("\n")) == SLOVAK_LINES


def test_single_line_is_read_whole(slovak: Reader) -> None:
    page = slovak.read(fit(draw_lines(SLOVAK_LINES[0])[25:75]), SLOVAK)

    assert page.text == SLOVAK_LINES[0]


def test_two_languages_of_two_engines_are_read_together(slovak: Reader) -> None:
    page = slovak.read(fit(draw_lines(*PAGE, *SLOVAK_LINES)), ENGLISH, SLOVAK)

    assert page.text.split("\n") == [*PAGE, *SLOVAK_LINES]
    assert (page.route, page.language) == (BOTH_LINES, "eng+slk")


def test_language_is_found(reader: Reader) -> None:
    english = reader.read(fit(draw_lines(*PAGE)))
    german = reader.read(fit(draw_lines("Der Hund lag neben der warmen Tasse", "und es war kalt")))

    assert (english.language, german.language) == ("eng", "deu")
    assert english.text.split("\n") == PAGE


def test_page_without_text_is_taken_for_english(reader: Reader) -> None:
    page = reader.read(fit(np.full((300, 400, 3), 200, np.uint8)))

    assert (page.language, page.text, page.lines, page.confidence) == ("eng", "", (), 0.0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9000), (9000, 1), (31, 3000)])
def test_odd_sizes_are_read(slovak: Reader, height: int, width: int) -> None:
    pixels = np.full((height, width, 3), 255, np.uint8)

    assert slovak.read(fit(pixels), ENGLISH).text == ""
    assert slovak.read(fit(pixels), SLOVAK).text == ""


def test_every_code_without_its_data_reads_by_ppocr_or_names_its_package(
    ppocr: PpOcr, tmp_path: Path
) -> None:
    empty = Tesseract(tmp_path)
    alone = Reader(ppocr, empty)
    pixels = draw_lines("12", width=120)

    assert alone.read(fit(pixels), ENGLISH).text == "12"
    for language in all_languages().values():
        assert alone.is_installed(language) == (language.engine == PP_OCR)
        with pytest.raises(LanguageNotInstalled, match=language.tesseract_package):
            empty.read_line(pixels, language)


def test_every_installed_code_reads(reader: Reader) -> None:
    pixels = draw_lines("12", width=120)

    for language in filter(reader.is_installed, all_languages().values()):
        reader.read(fit(pixels), language)


@pytest.mark.parametrize(
    ("image", "truth"),
    [
        ("phototest.tif", "phototest.gold.txt"),
        ("phototest-rotated-L.png", "phototest.gold.txt"),
        ("eurotext.tif", "eurotext.txt"),
    ],
)
def test_page_scan_reads(reader: Reader, shared_dir: Path, image: str, truth: str) -> None:
    expected = (shared_dir / "eval/ocr" / truth).read_text("utf-8")

    page = reader.read(fit(load(shared_dir / "eval/ocr" / image)), ENGLISH)

    assert letter_errors(expected, page.text) <= 0.01 * len(" ".join(expected.split()))


def load(path: Path) -> RgbImage:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def letter_errors(expected: str, read: str) -> int:
    """Return the edit distance of two texts, line breaks counted as blanks."""
    wanted, got = " ".join(expected.split()), " ".join(read.split())
    previous = list(range(len(got) + 1))
    for row, letter in enumerate(wanted, 1):
        current = [row]
        for column, other in enumerate(got, 1):
            change = previous[column - 1] + (letter != other)
            current.append(min(previous[column] + 1, current[-1] + 1, change))
        previous = current
    return previous[-1]
