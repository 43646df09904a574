"""Corners of blocks, lines and words in the upright image, for turned and leaning pages."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it lacks the py.typed marker
import pytest
from PIL import Image, ImageDraw, ImageFont

from modelkit.images import RgbImage
from ocr.asking import find_language
from ocr.formats import PrintedPage, write_document
from ocr.preparation import Corners, fit, turn
from ocr.reading import Page, Reader
from tests.ocr.printed import printed_page, written_line
from tests.ocr.written import PANGRAM, draw_lines, ends_of_words

ENGLISH = find_language("eng")
PAGE = [PANGRAM, "Nine long lines of plain text stand here", "and say nothing but that they do"]
COLUMNS = ["人人生而自由在尊嚴和", "權利上一律平等他們賦", "有理性和良心並應以兄"]
CJK_FONT = Path("/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc")


def leaning_page(degrees: float) -> tuple[RgbImage, Corners]:
    """Return a page that leans clockwise, and the (2, 3) matrix of how it was turned."""
    upright = draw_lines(*PAGE)
    height, width = upright.shape[:2]
    side = width + height
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
    turned = cv2.warpAffine(upright, matrix, (side, side), borderValue=(255, 255, 255))
    return np.asarray(turned, np.uint8), np.asarray(matrix, np.float64)


def middle(corners: Corners) -> Corners:
    found: Corners = corners.mean(axis=0)
    return found


def words_of(page: Page) -> list[Corners]:
    return [middle(word.corners) for line in page.lines for word in line.words]


@pytest.mark.parametrize("degrees", [-20.0, 2.0, 15.0])
def test_leaning_page_is_read_like_the_level_one(reader: Reader, degrees: float) -> None:
    pixels, matrix = leaning_page(degrees)
    level = reader.read(fit(draw_lines(*PAGE)), ENGLISH)

    page = reader.read(fit(pixels), ENGLISH)

    assert page.text == level.text == "\n".join(PAGE)
    assert page.skew_degrees == pytest.approx(degrees, abs=0.3)
    assert page.rotation_degrees == 0
    expected = [matrix[:, :2] @ place + matrix[:, 2] for place in words_of(level)]
    np.testing.assert_allclose(words_of(page), expected, atol=8)
    np.testing.assert_allclose(
        middle(page.blocks[0]), matrix[:, :2] @ middle(level.blocks[0]) + matrix[:, 2], atol=8
    )


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_words_of_a_turned_page_are_where_they_stand(reader: Reader, degrees: int) -> None:
    upright = draw_lines(*PAGE)
    height, width = upright.shape[:2]
    level = reader.read(fit(upright), ENGLISH)

    page = reader.read(fit(turn(upright, degrees)), ENGLISH)

    x, y = np.array(words_of(level)).T
    places = {90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}
    np.testing.assert_allclose(words_of(page), np.stack(places[degrees], axis=1), atol=8)
    upper_left = page.blocks[0].min(axis=0)
    np.testing.assert_allclose(page.blocks[0][0], upper_left, atol=3)


def test_words_spell_their_line_and_stand_within_it(reader: Reader) -> None:
    page = reader.read(fit(draw_lines(*PAGE)), ENGLISH)

    for line in page.lines:
        assert " ".join(word.text for word in line.words) == line.text
        for word in line.words:
            assert (word.corners >= line.corners.min(axis=0) - 1).all()
            assert (word.corners <= line.corners.max(axis=0) + 1).all()
        assert (line.script, line.block) == ("Latn", 0)


def test_words_of_a_pdf_are_where_they_were_drawn(reader: Reader) -> None:
    pixels = draw_lines(PANGRAM)
    page = reader.read(fit(pixels), ENGLISH)
    height, width = pixels.shape[:2]
    printed = PrintedPage(page, 1, width, height, 72, printed_page([]).jpeg)

    pdf = pypdfium2.PdfDocument(write_document([printed], "pdf").content)

    text = pdf[0].get_textpage()
    for word, (left, right) in zip(PANGRAM.split(), ends_of_words(PANGRAM), strict=True):
        first, count = text.search(word, match_case=True, match_whole_word=True).get_next()
        start, *_, end = (text.get_charbox(first + at, loose=True) for at in range(count))
        assert left <= (start[0] + end[2]) / 2 <= right


def test_columns_that_run_down_are_read_from_the_right(reader: Reader) -> None:
    if not CJK_FONT.is_file():
        pytest.skip("fonts-noto-cjk is not installed")
    image = Image.new("RGB", (400, 560), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(CJK_FONT, 40)
    for column, text in enumerate(COLUMNS):
        for row, letter in enumerate(text):
            pen.text((300 - 90 * column, 40 + 46 * row), letter, fill="black", font=font)

    page = reader.read(fit(np.asarray(image)), find_language("chi_tra"))

    assert page.text.split("\n") == COLUMNS
    assert page.rotation_degrees == 0
    begins = page.lines[0].corners[0]
    np.testing.assert_allclose(begins, page.lines[0].corners.max(axis=0) * (1, 0) + (0, begins[1]))
    assert begins[1] < 100


def test_lines_below_a_confidence_are_left_out_with_their_blocks() -> None:
    lines = [written_line(text, 100, block=block) for block, text in enumerate(["a", "b", "c"])]
    lines[1] = replace(lines[1], confidence=0.3)
    page = printed_page(lines).page

    kept = page.above(0.5)

    assert [(line.text, line.block) for line in kept.lines] == [("a", 0), ("c", 1)]
    assert [block[0, 1] for block in kept.blocks] == [100, 500]
    assert page.above(0.0) == page
    assert page.above(1.0).blocks == ()
