"""ALTO of a page written by hand."""

from importlib.metadata import distribution
from xml.etree.ElementTree import Element

import pytest
from lxml import etree

from ocr.formats import PrintedPage, write_document
from tests.ocr.printed import parsed, printed_page, written_line

ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
# Attributes that ALTO 4.3 and 4.4 brought, by their elements.
ADDED_SINCE = {"Page": ("LANG", "ROTATION"), "TextLine": ("BASEDIRECTION",)}


def written(*lines: str, code: str = "eng", degrees: float = 0.0) -> bytes:
    return write_document([page_of(*lines, code=code, degrees=degrees)], "alto").content


def page_of(*lines: str, code: str, degrees: float) -> PrintedPage:
    placed = [written_line(line, 100 + 60 * row, degrees=degrees) for row, line in enumerate(lines)]
    return printed_page(placed, code=code)


def found(root: Element, tag: str) -> list[dict[str, str]]:
    return [element.attrib for element in root.iter(ALTO + tag)]


def test_words_have_their_place_and_confidence() -> None:
    root = parsed(written("two words"))

    strings = found(root, "String")
    assert [string["CONTENT"] for string in strings] == ["two", "words"]
    assert strings[1]["WC"] == "0.9000"
    place = {side: strings[1][side] for side in ("HPOS", "VPOS", "WIDTH", "HEIGHT")}
    assert place == {"HPOS": "180", "VPOS": "100", "WIDTH": "100", "HEIGHT": "40"}


@pytest.mark.parametrize(
    ("code", "text", "way"), [("eng", "two words", "ltr"), ("ara", "كل إنسان", "rtl")]
)
def test_space_stands_between_two_words(code: str, text: str, way: str) -> None:
    root = parsed(written(text, code=code))

    (line,) = found(root, "TextLine")
    (space,) = found(root, "SP")
    assert line["BASEDIRECTION"] == way
    assert space["WIDTH"] == "20"


def test_leaning_line_has_its_own_shape() -> None:
    root = parsed(written("two words", degrees=10))

    (line,) = root.iter(ALTO + "TextLine")
    points = next(line.iter(ALTO + "Polygon")).attrib["POINTS"].split()
    xs, ys = zip(*(map(float, point.split(",")) for point in points), strict=True)
    assert len(points) == 4
    assert len(set(xs)) == len(set(ys)) == 4


def test_page_names_what_read_it() -> None:
    root = parsed(written("two words"))

    (processing,) = found(root, "Processing")
    (page,) = found(root, "Page")
    assert page["PROCESSINGREFS"] == processing["ID"]
    assert (page["WIDTH"], page["HEIGHT"], page["LANG"]) == ("1000", "800", "en")
    assert next(root.iter(ALTO + "MeasurementUnit")).text == "pixel"


def test_pages_of_one_engine_share_its_processing() -> None:
    lines = [written_line("two words", 100)]
    pages = [printed_page(lines, number=number) for number in (1, 2)]

    root = parsed(write_document(pages, "alto").content)

    assert len(found(root, "Page")) == 2
    assert len(found(root, "Processing")) == 1
    names = [element.attrib["ID"] for element in root.iter() if "ID" in element.attrib]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("code", "text", "degrees"),
    [("eng", "two words", 0.0), ("ara", "كل إنسان 12", 0.0), ("jpn", "人間は 自由", 7.0)],
)
def test_document_is_valid(code: str, text: str, degrees: float) -> None:
    """By the schema of 4.2, which is the newest that a package brings, but for what came later."""
    document = etree.fromstring(written(text, code=code, degrees=degrees))
    for element in document.iter():
        for name in ADDED_SINCE.get(str(element.tag).removeprefix(ALTO), ()):
            element.attrib.pop(name, "")
    # Located and not imported, which would take all that the package depends on.
    schema = distribution("digiflow").locate_file("digiflow/resources/xsd/alto-4-2.xsd")

    etree.XMLSchema(etree.parse(str(schema))).assertValid(document)
