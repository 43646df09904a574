"""The table of words of a page written by hand."""

import csv

import pytest

from ocr.formats import FORMATS, write_document
from servicekit.errors import InvalidRequest
from tests.ocr.printed import printed_page, written_line

LINES = [written_line("two words", 100), written_line("more", 320, block=1)]


def test_table_has_the_columns_and_rows_of_tesseract() -> None:
    document = write_document([printed_page(LINES)], "tsv")

    rows = document.content.decode().splitlines()
    assert document.media_type == "text/tab-separated-values"
    assert rows[0].startswith("level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft")
    assert rows[1] == "1\t1\t0\t0\t0\t0\t0\t0\t1000\t800\t-1\t"
    assert rows[4] == "4\t1\t1\t1\t1\t0\t100\t100\t180\t40\t-1\t"
    assert rows[6] == "5\t1\t1\t1\t1\t2\t180\t100\t100\t40\t90.000000\twords"


def test_words_are_numbered_by_block_and_line() -> None:
    content = write_document([printed_page(LINES)], "tsv").content.decode()

    rows = csv.DictReader(content.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [(row["block_num"], row["line_num"], row["text"]) for row in rows if row["text"]]
    assert words == [("1", "1", "two"), ("1", "1", "words"), ("2", "1", "more")]


def test_page_without_text_is_one_row() -> None:
    assert write_document([printed_page([])], "tsv").content.count(b"\n") == 2


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_a_page_without_text(name: str) -> None:
    assert write_document([printed_page([])], name).content


def test_unknown_format_is_refused() -> None:
    with pytest.raises(
        InvalidRequest, match="'docx' is not known; send alto, hocr, markdown, pdf, tsv"
    ):
        write_document([], "docx")
