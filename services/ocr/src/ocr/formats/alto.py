"""Writer of ALTO 4.4: XML that libraries keep beside scanned pages.

Source: the schema alto-4-4.xsd of the ALTO board.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ocr.engines import PageLine, PageWord
from ocr.formats.geometry import box, for_xml, lean, lines_of_blocks
from ocr.formats.printed import PrintedPage, Writer
from ocr.preparation import Corners
from ocr.reading import Page
from ocr.scripts import runs_leftward

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_DOWNWARD_DEGREES = (45.0, 135.0)  # lines that lean this far on a page that is read run down it


def _write(pages: Sequence[PrintedPage]) -> bytes:
    """Return the document, all places in pixels of each page's image."""
    alto = Element(
        "alto",
        {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": _XSI,
            "xsi:schemaLocation": f"{_NAMESPACE} {_SCHEMA}",
            "SCHEMAVERSION": "4.4",
        },
    )
    description = SubElement(alto, "Description")
    SubElement(description, "MeasurementUnit").text = "pixel"
    engines = {printed.page.engine: "" for printed in pages}
    engines = {engine: f"reading_{number}" for number, engine in enumerate(engines, 1)}
    for engine, name in engines.items():
        _add_processing(description, engine, name)
    layout = SubElement(alto, "Layout")
    for printed in pages:
        _add_page(layout, printed, engines[printed.page.engine])
    indent(alto)
    content: bytes = tostring(alto, "utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + content + b"\n"


WRITER = Writer(_write, "application/xml")


def _add_processing(description: Element, engine: str, name: str) -> None:
    processing = SubElement(description, "Processing", {"ID": name})
    SubElement(processing, "processingCategory").text = "contentGeneration"
    SubElement(processing, "processingStepDescription").text = f"read with {engine}"
    software = SubElement(processing, "processingSoftware")
    SubElement(software, "softwareName").text = "imagemesh"


def _add_page(layout: Element, printed: PrintedPage, processing: str) -> None:
    page, number = printed.page, printed.number
    size = {"HEIGHT": str(printed.height_px), "WIDTH": str(printed.width_px)}
    about = {
        "ID": f"page_{number}",
        "PHYSICAL_IMG_NR": str(number),
        "PROCESSINGREFS": processing,
        "PC": f"{page.confidence:.4f}",
        "ROTATION": f"{page.rotation_degrees - page.skew_degrees:.2f}",  # counter-clockwise
    }
    if len(page.languages) == 1:
        about["LANG"] = page.languages[0].tag
    element = SubElement(layout, "Page", {**about, **size})
    origin = {"HPOS": "0", "VPOS": "0"}
    space = SubElement(element, "PrintSpace", {"ID": f"space_{number}", **size, **origin})
    for block, (corners, lines) in enumerate(lines_of_blocks(page), 1):
        name = f"{number}_{block}"
        area = _add(space, "TextBlock", f"block_{name}", corners)
        for line_number, line in enumerate(lines, 1):
            _add_line(area, page, line, f"{name}_{line_number}")


def _add_line(area: Element, page: Page, line: PageLine, name: str) -> None:
    element = _add(area, "TextLine", f"line_{name}", line.corners)
    element.set("BASEDIRECTION", _direction(page, line))
    for number, word in enumerate(line.words, 1):
        if number > 1:
            SubElement(element, "SP", _space(line.words[number - 2], word))
        string = _add(element, "String", f"word_{name}_{number}", word.corners)
        string.set("CONTENT", for_xml(word.text))
        string.set("WC", f"{word.confidence:.4f}")


def _direction(page: Page, line: PageLine) -> str:
    least, most = _DOWNWARD_DEGREES
    if least < (lean(page, line.corners) + page.rotation_degrees) % 360 < most:
        return "ttb"
    return "rtl" if runs_leftward(line.text) else "ltr"


def _add(parent: Element, tag: str, name: str, corners: Corners) -> Element:
    """Add an element with its upright box and its own shape."""
    element = SubElement(parent, tag, {"ID": name, **_sides(*box(corners))})
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    SubElement(SubElement(element, "Shape"), "Polygon", {"POINTS": points})
    return element


def _space(before: PageWord, after: PageWord) -> dict[str, str]:
    """Return the upright box between two words, which is empty where they touch."""
    boxes = sorted((box(before.corners), box(after.corners)))
    left, right = boxes[0][2], max(boxes[0][2], boxes[1][0])
    return _sides(left, boxes[0][1], right, boxes[0][3])


def _sides(left: int, top: int, right: int, bottom: int) -> dict[str, str]:
    return {
        "HPOS": str(left),
        "VPOS": str(top),
        "WIDTH": str(right - left),
        "HEIGHT": str(bottom - top),
    }
