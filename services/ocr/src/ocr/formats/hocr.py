"""Writer of hOCR 1.2: XHTML with the boxes of blocks, lines and words.

Source: http://kba.github.io/hocr-spec/1.2/
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from ocr.engines import PageLine
from ocr.formats.geometry import box, for_xml, lean, lines_of_blocks
from ocr.formats.printed import PrintedPage, Writer
from ocr.preparation import Corners
from ocr.reading import Page
from ocr.scripts import runs_leftward

_CLASSES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word"
_LEAST_LEAN_DEGREES = 0.05  # less is level: it moves the end of a long line by a pixel or two
_HEAD = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
    "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
"""


def _write(pages: Sequence[PrintedPage]) -> bytes:
    """Return the document: a block is one area of one paragraph."""
    html = Element("html", {"xmlns": "http://www.w3.org/1999/xhtml"})
    head = SubElement(html, "head")
    SubElement(head, "title").text = "Text of images"
    for name, content in _about(pages).items():
        SubElement(head, "meta", {"name": name, "content": content})
    body = SubElement(html, "body")
    for printed in pages:
        _add_page(body, printed)
    written: bytes = tostring(html, "utf-8")
    return _HEAD + written + b"\n"


WRITER = Writer(_write, "application/xhtml+xml")


def _about(pages: Sequence[PrintedPage]) -> dict[str, str]:
    engines = sorted({printed.page.engine for printed in pages})
    tags = sorted({language.tag for printed in pages for language in printed.page.languages})
    scripts = sorted({line.script for printed in pages for line in printed.page.lines})
    return {
        "ocr-system": " ".join(["imagemesh", *engines]),
        "ocr-capabilities": f"{_CLASSES} ocrp_lang ocrp_dir",
        "ocr-number-of-pages": str(len(pages)),
        "ocr-langs": " ".join(tags) or "unknown",
        "ocr-scripts": " ".join(scripts) or "unknown",
    }


def _add_page(body: Element, printed: PrintedPage) -> None:
    name = f"{printed.number}"
    title = f"bbox 0 0 {printed.width_px} {printed.height_px}; ppageno {printed.number - 1}"
    if printed.dots_per_inch:
        down = printed.vertical_dots_per_inch or printed.dots_per_inch
        title += f"; scan_res {printed.dots_per_inch} {down}"
    page = printed.page
    element = _add(body, "div", "ocr_page", f"page_{name}", title)
    if len(page.languages) == 1:
        element.set("lang", page.languages[0].tag)
    for number, (corners, lines) in enumerate(lines_of_blocks(page), 1):
        own = f"{name}_{number}"
        area = _add(element, "div", "ocr_carea", f"block_{own}", _bbox(corners))
        paragraph = _add(area, "p", "ocr_par", f"par_{own}", _bbox(corners))
        paragraph.set("dir", "rtl" if runs_leftward(lines[0].text) else "ltr")
        for line_number, line in enumerate(lines, 1):
            _add_line(paragraph, page, line, f"{own}_{line_number}")


def _add_line(paragraph: Element, page: Page, line: PageLine, name: str) -> None:
    degrees = lean(page, line.corners)
    title = _bbox(line.corners)
    if abs(degrees) >= _LEAST_LEAN_DEGREES:
        title += f"; textangle {-degrees % 360:.2f}"  # hOCR counts counter-clockwise
    element = _add(paragraph, "span", "ocr_line", f"line_{name}", title)
    for number, word in enumerate(line.words, 1):
        title = f"{_bbox(word.corners)}; x_wconf {round(100 * word.confidence)}"
        span = _add(element, "span", "ocrx_word", f"word_{name}_{number}", title)
        span.text = for_xml(word.text)
        span.tail = " "


def _add(parent: Element, tag: str, kind: str, name: str, title: str) -> Element:
    return SubElement(parent, tag, {"class": kind, "id": name, "title": title})


def _bbox(corners: Corners) -> str:
    left, top, right, bottom = box(corners)
    return f"bbox {left} {top} {right} {bottom}"
