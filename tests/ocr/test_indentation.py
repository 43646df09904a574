"""Code keeps its indentation in plain text; other pages do not change."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr.asking import find_language
from ocr.indentation import indented_text
from ocr.preparation import fit
from ocr.reading import Page, Reader
from tests.ocr.letters import COMPLAINT, COVER_LETTER, LEASE

MONO = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")
PYTHON = """def total(prices):
    result = 0
    for price in prices:
        if price > 0:
            result = result + price
    return result"""
JAVASCRIPT = """function show(name) {
  if (name) {
    console.log(name);
  }
  return name;
}"""


def read(reader: Reader, text: str, *, size_px: int, color: str = "black") -> Page:
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont = ImageFont.load_default(size=size_px)
    if MONO.is_file():
        font = ImageFont.truetype(MONO, size_px)
    lines = text.split("\n")
    width = round(80 + max(font.getlength(line) for line in lines))
    image = Image.new("RGB", (width, 80 + 2 * size_px * len(lines)), "white")
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 40 + row * 2 * size_px), line, color, font)
    return reader.read(fit(np.asarray(image)), find_language("eng"))


@pytest.mark.parametrize(
    ("code", "size_px", "color"),
    [
        (PYTHON, 24, "black"),
        (PYTHON, 32, "navy"),
        (JAVASCRIPT, 28, "black"),
        (JAVASCRIPT, 36, "black"),
    ],
)
def test_code_keeps_its_indentation(reader: Reader, code: str, size_px: int, color: str) -> None:
    if not MONO.is_file():
        pytest.skip("DejaVu Sans Mono is not installed")

    page = read(reader, code, size_px=size_px, color=color)

    found = indented_text(page.lines).split("\n")
    indents = [len(line) - len(line.lstrip()) for line in code.split("\n")]
    assert [len(line) - len(line.lstrip()) for line in found] == indents
    assert {line.lstrip() for line in found} == {line.text for line in page.lines}


LISTED = (
    "Things to buy:\n    apples and pears\n    bread (brown)\n        two loaves; no more\nand milk"
)


@pytest.mark.parametrize("text", [COVER_LETTER, COMPLAINT, LEASE, LISTED])
def test_other_text_does_not_change(reader: Reader, text: str) -> None:
    page = read(reader, text, size_px=20)

    assert indented_text(page.lines) == page.text
