"""Reading of clean prose without the detector."""

import numpy as np
import pytest

from modelkit.images import RgbImage
from ocr.asking import find_language
from ocr.ink import TiledImage
from ocr.languages import PP_OCR_LINES, TESSERACT_PAGE
from ocr.loaders import load_tesseract
from ocr.preparation import fit
from ocr.prose import is_clean
from ocr.reading import Reader
from ocr.settings import OcrSettings
from tests.ocr.written import PANGRAM, draw_lines

ENGLISH = find_language("eng")
PROSE = [PANGRAM, "Nine long lines of plain text stand here", "and say nothing but that they do"]


@pytest.fixture(scope="module")
def english() -> None:
    """Skip where Tesseract's English data is not installed."""
    if not load_tesseract(OcrSettings(threads=1)).has(ENGLISH):
        pytest.skip("Tesseract's English data is not installed")


def noisy(pixels: RgbImage) -> RgbImage:
    """Return an image with the grain of a scan."""
    grain = np.random.default_rng(7).normal(0, 9, pixels.shape[:2])
    return np.clip(pixels * 0.85 + 20 + grain[..., None], 0, 255).astype(np.uint8)


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(("size_px", "margin_px"), [(24, 120), (32, 0), (44, 60)])
def test_clean_prose_is_read_at_once(reader: Reader, size_px: int, margin_px: int) -> None:
    drawn = draw_lines(*PROSE, size_px=size_px, width=1000)
    pixels = np.pad(drawn, ((margin_px,) * 2, (margin_px,) * 2, (0, 0)), constant_values=255)

    page = reader.read(fit(pixels), ENGLISH)

    assert (page.text.split("\n"), page.route) == (PROSE, TESSERACT_PAGE)
    tops = [float(line.corners[0, 1]) for line in page.lines]
    drawn_at = [margin_px + 30 + number * 2 * size_px for number in range(len(PROSE))]
    assert tops == pytest.approx(drawn_at, abs=0.5 * size_px)


@pytest.mark.usefixtures("english")
def test_scan_with_grain_is_read_line_by_line(reader: Reader) -> None:
    page = reader.read(fit(noisy(draw_lines(*PROSE))), ENGLISH)

    assert (page.text.split("\n"), page.route) == (PROSE, PP_OCR_LINES)


@pytest.mark.usefixtures("english")
def test_letter_i_is_no_bar(reader: Reader) -> None:
    lines = ["Dear Ms. Alder,", "I enjoyed your workshop very much.", "It was a wonderful day."]

    page = reader.read(fit(draw_lines(*lines)), ENGLISH)

    assert page.text.split("\n") == lines


@pytest.mark.parametrize(
    ("pixels", "clean"),
    [
        (draw_lines(*PROSE), True),
        (noisy(draw_lines(*PROSE)), False),
        (255 - draw_lines(*PROSE), False),
    ],
)
def test_only_print_on_light_even_ground_is_clean(pixels: RgbImage, *, clean: bool) -> None:
    assert is_clean(TiledImage(pixels)) is clean
