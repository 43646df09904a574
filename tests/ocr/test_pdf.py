"""A PDF of pages written by hand, read again by PDFium and by Poppler."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2  # type: ignore[import-untyped]  # it lacks the py.typed marker
import pytest
from pikepdf import pdfa
from PIL import Image

from ocr.engines import PageLine, PageWord
from ocr.formats import PrintedPage, write_document
from ocr.preparation import Corners, downward
from servicekit.errors import InvalidRequest
from tests.ocr.printed import HEIGHT_PX, printed_page, rectangle, written_line

NEAR_POINTS = 3.0  # of the 40 that a line is high
TEXTS = (
    ("eng", "two longer words"),
    ("ell", "ἄνθρωποι Ἑλλήνων"),
    ("ara", "كل إنسان حق"),
    ("heb", "כל בני האדם"),
    ("hin", "सभी मनुष्यों को"),
    ("jpn", "人間は自由 平等"),
    ("tha", "มนุษย์ทั้งหลาย เกิด"),
    ("chi_tra", "𠀀𠀁 自由"),
)
LEFTWARD = frozenset({"ara", "heb"})
MARKS = re.compile("[\u200e\u200f\u202a-\u202e]")  # of direction; Poppler puts them around words
WORD = re.compile(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)</word>')


def pdf_of(*lines: PageLine, code: str = "eng", dots_per_inch: int = 72) -> bytes:
    return write_document(
        [printed_page(lines, code=code, dots_per_inch=dots_per_inch)], "pdf"
    ).content


def place_in_pdfium(content: bytes, word: str) -> Corners | None:
    """Return the corners (2, 2) around a word, in points from the upper left of the page."""
    text = pypdfium2.PdfDocument(content)[0].get_textpage()
    found = text.search(word, match_case=True).get_next()
    if found is None:
        return None
    boxes = np.array([text.get_charbox(found[0] + at, loose=True) for at in range(found[1])])
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    return np.array([[left, HEIGHT_PX - top], [right, HEIGHT_PX - bottom]])


def words_in_poppler(content: bytes, folder: Path) -> list[tuple[str, Corners]]:
    """Return the words that pdftotext finds with the corners (2, 2) around them."""
    return [
        (unescape(word), np.array(sides, np.float64).reshape(2, 2))
        for *sides, word in WORD.findall(pdftotext(content, folder, "-bbox"))
    ]


def text_in_poppler(content: bytes, folder: Path) -> str:
    return MARKS.sub("", pdftotext(content, folder)).strip()


def pdftotext(content: bytes, folder: Path, *options: str) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext of poppler-utils is not installed")
    file = folder / "page.pdf"
    file.write_bytes(content)
    command = ["pdftotext", *options, str(file), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def assert_near(found: Corners | None, corners: Corners) -> None:
    assert found is not None
    middle = found.mean(axis=0)
    np.testing.assert_allclose(middle, corners.mean(axis=0), atol=NEAR_POINTS)


# PDFium's search does not find what UTF-16 writes in two halves.
@pytest.mark.parametrize(("code", "text"), TEXTS[:-1], ids=[code for code, _ in TEXTS[:-1]])
def test_pdfium_finds_every_word_at_its_place(code: str, text: str) -> None:
    line = written_line(text, 100)

    content = pdf_of(line, code=code)

    for word in line.words:
        assert_near(place_in_pdfium(content, word.text), word.corners)


@pytest.mark.parametrize(("code", "text"), TEXTS, ids=[code for code, _ in TEXTS])
def test_poppler_finds_every_word_at_its_place(tmp_path: Path, code: str, text: str) -> None:
    line = written_line(text, 100)

    words = words_in_poppler(pdf_of(line, code=code), tmp_path)

    places = dict(words)
    assert len(words) == len(line.words)
    for word in line.words:
        # With boxes Poppler tells the letters as they stand, from the left.
        placed = word.text[::-1] if code in LEFTWARD else word.text
        assert_near(places.get(placed), word.corners)


@pytest.mark.parametrize(("code", "text"), TEXTS, ids=[code for code, _ in TEXTS])
def test_both_readers_give_the_text_as_it_is_read(tmp_path: Path, code: str, text: str) -> None:
    content = pdf_of(written_line(text, 100), code=code)

    assert pypdfium2.PdfDocument(content)[0].get_textpage().get_text_range().strip() == text
    assert text_in_poppler(content, tmp_path) == text


@pytest.mark.parametrize(("code", "text"), TEXTS, ids=[code for code, _ in TEXTS])
def test_pdf_of_images_is_for_archives(code: str, text: str) -> None:
    content = pdf_of(written_line(text, 100), code=code)

    with pikepdf.open(BytesIO(content)) as pdf, pdf.open_metadata() as metadata:
        assert metadata.pdfa_status == "2B"
    assert pdfa.validate_written(BytesIO(content), "2b").passed


def test_digits_in_a_leftward_word_keep_their_order(tmp_path: Path) -> None:
    content = pdf_of(written_line("א12", 100), code="heb")

    assert text_in_poppler(content, tmp_path) == "א12"


@pytest.mark.parametrize("degrees", [-7.0, 3.0])
def test_poppler_finds_the_words_of_a_leaning_line(tmp_path: Path, degrees: float) -> None:
    line = written_line("two longer words", 300, degrees=degrees)

    places = dict(words_in_poppler(pdf_of(line), tmp_path))

    for word in line.words:
        assert_near(places.get(word.text), word.corners)


@pytest.mark.parametrize("degrees", [-30.0, 12.0, 45.0])
def test_pdfium_finds_the_words_of_a_line_that_leans_far(degrees: float) -> None:
    line = written_line("two longer words", 300, degrees=degrees)

    content = pdf_of(line)

    for word in line.words:
        assert_near(place_in_pdfium(content, word.text), word.corners)


def test_words_without_a_space_between_their_boxes_stay_apart(tmp_path: Path) -> None:
    line = written_line("if it", 100)
    touching = (line.words[0], PageWord("it", 0.9, rectangle(140, 100, 40, 40)))
    joined = PageLine(line.text, line.confidence, line.corners, touching)

    words = words_in_poppler(pdf_of(joined), tmp_path)

    assert [word for word, _ in words] == ["if", "it"]


def test_column_is_found_from_top_to_bottom(tmp_path: Path) -> None:
    column = downward(rectangle(500, 100, 40, 200))
    word = PageWord("人間は自由", 0.9, column)
    line = PageLine(word.text, 0.9, column, (word,))

    content = pdf_of(line, code="jpn")

    assert_near(place_in_pdfium(content, word.text), column)
    assert_near(dict(words_in_poppler(content, tmp_path)).get(word.text), column)


@pytest.mark.parametrize(
    ("dots_per_inch", "size"), [(72, (1000, 800)), (144, (500, 400)), (0, (1028.57, 822.86))]
)
def test_page_is_as_large_as_its_resolution_says(
    dots_per_inch: int, size: tuple[float, float]
) -> None:
    content = pdf_of(written_line("two words", 100), dots_per_inch=dots_per_inch)

    assert pypdfium2.PdfDocument(content)[0].get_size() == pytest.approx(size, abs=0.01)


@pytest.mark.parametrize(
    ("resolution", "size"),
    [((204, 98), (72, 147)), ((100, 200), (147, 72)), ((204, 0), (72, 70.6))],
)
def test_page_of_a_fax_has_the_shape_of_its_paper(
    resolution: tuple[int, int], size: tuple[float, float]
) -> None:
    along, down = resolution
    page = printed_page([])
    fax = PrintedPage(page.page, 1, round(size[0] * along / 72), 200, along, page.jpeg)
    content = write_document([replace(fax, vertical_dots_per_inch=down)], "pdf").content

    assert pypdfium2.PdfDocument(content)[0].get_size() == pytest.approx(size, rel=0.02)


def test_longest_page_is_as_long_as_a_pdf_can_be() -> None:
    page = printed_page([])
    long = PrintedPage(page.page, 1, 100, 30_000, 0, page.jpeg)

    content = write_document([long], "pdf").content

    assert pypdfium2.PdfDocument(content)[0].get_size()[1] == pytest.approx(14_400)


def test_image_is_kept_byte_by_byte_and_text_is_invisible() -> None:
    page = printed_page([written_line("two words", 100)])

    content = write_document([page], "pdf").content

    with pikepdf.open(BytesIO(content)) as pdf:
        (image,) = pdf.pages[0].get_images().values()
        assert image.read_raw_bytes() == page.jpeg
    drawn = pypdfium2.PdfDocument(content)[0].render(scale=0.5).to_numpy()
    assert drawn.min() > 250


def test_same_pages_give_the_same_bytes() -> None:
    pages = [printed_page([written_line("two words", 100)])]

    assert write_document(pages, "pdf") == write_document(pages, "pdf")


def test_page_of_another_kind_of_jpeg_is_refused() -> None:
    file = BytesIO()
    Image.new("CMYK", (10, 10)).save(file, "JPEG")
    page = printed_page([])

    with pytest.raises(InvalidRequest, match="mode CMYK"):
        write_pages([PrintedPage(page.page, 1, 10, 10, 72, file.getvalue())])


def write_pages(pages: Sequence[PrintedPage]) -> bytes:
    return write_document(pages, "pdf").content
