"""hOCR of a page written by hand."""

import re
from xml.etree.ElementTree import Element

import pytest

from ocr.formats import write_document
from tests.ocr.printed import parsed, printed_page, written_line

XHTML = "{http://www.w3.org/1999/xhtml}"
BOX = re.compile(r"bbox (\d+) (\d+) (\d+) (\d+)")


def hocr_of(*lines: str, code: str = "eng", degrees: float = 0.0) -> Element:
    written = [
        written_line(line, 100 + 60 * row, degrees=degrees) for row, line in enumerate(lines)
    ]
    document = write_document([printed_page(written, code=code, number=3)], "hocr")
    assert document.media_type == "application/xhtml+xml"
    return parsed(document.content)


def of_class(root: Element, name: str) -> list[Element]:
    return [element for element in root.iter() if element.get("class") == name]


def test_page_tells_its_size_number_resolution_and_language() -> None:
    (page,) = of_class(hocr_of("two words"), "ocr_page")

    assert page.get("title") == "bbox 0 0 1000 800; ppageno 2; scan_res 72 72"
    assert page.get("lang") == "en"


def test_words_have_their_box_and_confidence() -> None:
    words = of_class(hocr_of("two words"), "ocrx_word")

    assert [word.text for word in words] == ["two", "words"]
    assert words[1].get("title") == "bbox 180 100 280 140; x_wconf 90"


def test_every_box_is_within_the_one_around_it() -> None:
    root = hocr_of("two words", "and more")

    for outer in (*of_class(root, "ocr_par"), *of_class(root, "ocr_line")):
        left, top, right, bottom = box_of(outer)
        for inner in outer:
            box = box_of(inner)
            assert left <= box[0] <= box[2] <= right
            assert top <= box[1] <= box[3] <= bottom


def test_lean_is_told_counter_clockwise() -> None:
    (line,) = of_class(hocr_of("two words", degrees=4.0), "ocr_line")
    (level,) = of_class(hocr_of("two words"), "ocr_line")

    assert "textangle 356.00" in (line.get("title") or "")
    assert "textangle" not in (level.get("title") or "")


@pytest.mark.parametrize(
    ("code", "text", "way"), [("ara", "كل إنسان", "rtl"), ("eng", "man", "ltr")]
)
def test_paragraph_tells_its_direction(code: str, text: str, way: str) -> None:
    (paragraph,) = of_class(hocr_of(text, code=code), "ocr_par")

    assert paragraph.get("dir") == way


def test_signs_of_markup_and_of_control_are_written_safely() -> None:
    words = of_class(hocr_of("a<b &amp; \x0b\x00"), "ocrx_word")

    assert [word.text for word in words] == ["a<b", "&amp;", "\ufffd"]


def test_capabilities_name_every_class_that_is_used() -> None:
    root = hocr_of("two words")

    metas = {meta.get("name"): meta.get("content") for meta in root.iter(f"{XHTML}meta")}
    used = {element.get("class") for element in root.iter()} - {None}
    assert used <= set((metas["ocr-capabilities"] or "").split())
    assert metas["ocr-system"] == "imagemesh pp-ocrv6-small"


def test_every_id_is_there_once() -> None:
    root = hocr_of("two words", "and more")

    names = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(names) == len(set(names)) == 9


def box_of(element: Element) -> list[int]:
    found = BOX.match(element.get("title") or "")
    assert found is not None
    return [int(side) for side in found.groups()]
