"""Adds text to the pages of a PDF in a process of its own: python -m ocr.amending < FILES.

qpdf is C++ and its files come from strangers, as in `ocr.drawing`. Standard input has an
`Amendment` as one line of JSON, the layers, and the PDF; standard output gets the new PDF.
"""

import copy
import json
import re
import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pikepdf import (
    Array,
    ContentStreamInlineImage,
    ContentStreamInstruction,
    Dictionary,
    Name,
    NameTree,
    Object,
    OutlineItem,
    Page,
    Pdf,
    parse_content_stream,
    unparse_content_stream,
)

_MEMORY_BYTES = 512 * 1024 * 1024  # as of `ocr.drawing`
_PROCESSOR_S = 30
_LAYER_FONT = b"/F "  # in `ocr.formats.pdf`, which writes text in hexadecimal digits
_INVISIBLE = 3  # PDF's text rendering mode
_SETS_INVISIBLE = re.compile(rb"\b3\s+Tr\b")
_SHOWS = frozenset({"Tj", "TJ", "'", '"'})
_MOST_DEEP = 50  # of the trees of pages and fields, which may have loops
# Of the whole document; they tell of pages by their place, or hold their text.
_OF_ALL_PAGES = (Name.PageLabels, Name.StructTreeRoot, Name.MarkInfo, Name.OpenAction)


@dataclass(frozen=True, slots=True)
class Amendment:
    """Order for the process.

    Attributes:
        layers_bytes: how long the PDF of the layers is; its pages are in the order of `layered`.
        page_count: pages that the PDF must have.
        kept: numbers of the pages that stay, counted from 1.
        layered: numbers of the pages that get a layer.
        is_layer_replaced: whether invisible text that these pages have is removed.
    """

    layers_bytes: int
    page_count: int
    kept: Sequence[int]
    layered: Sequence[int]
    is_layer_replaced: bool


def main() -> None:
    """Amend the PDF of standard input."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_S, _PROCESSOR_S))
    amendment = Amendment(**json.loads(sys.stdin.buffer.readline()))
    layers = sys.stdin.buffer.read(amendment.layers_bytes)
    sys.stdout.buffer.write(amend(sys.stdin.buffer.read(), layers, amendment))


def amend(content: bytes, layers: bytes, amendment: Amendment) -> bytes:
    """Return the PDF with the layers on its pages.

    Raises:
        PdfError: qpdf cannot read it.
        ValueError: it has another number of pages for qpdf than for pdfium.
    """
    with Pdf.open(BytesIO(content)) as pdf, Pdf.open(BytesIO(layers)) as layer_pdf:
        if len(pdf.pages) != amendment.page_count:
            raise ValueError(f"qpdf finds {len(pdf.pages)} pages, not {amendment.page_count}")
        for number, layer in zip(amendment.layered, layer_pdf.pages, strict=True):
            page = pdf.pages[number - 1]
            if amendment.is_layer_replaced:
                _remove_invisible_text(page)
            _add_layer(pdf, page, layer)
        if len(amendment.kept) < amendment.page_count:
            _keep_pages(pdf, frozenset(amendment.kept))
        _remove_signatures(pdf)
        file = BytesIO()
        # An encrypted file has an identifier that is part of its key.
        pdf.save(file, encryption=pdf.is_encrypted, deterministic_id=not pdf.is_encrypted)
    return file.getvalue()


def _add_layer(pdf: Pdf, page: Page, layer: Page) -> None:
    """Put the layer before what the page draws, where no content has changed the state yet."""
    resources = _own_resources(page)
    fonts = copy.copy(resources.get(Name.Font, Dictionary()))
    name = next(name for name in _names() if name not in fonts)
    fonts[name] = pdf.copy_foreign(layer.obj.Resources.Font.F)
    resources.Font = fonts
    content = layer.obj.Contents.read_bytes().replace(_LAYER_FONT, f"{name} ".encode())
    page.contents_add(content, prepend=True)


def _names() -> Iterable[str]:
    return (f"/OcrText{number}" for number in range(sys.maxsize))


def _own_resources(page: Page) -> Dictionary:
    """Return the resources of a page, copied where other pages may share them."""
    found: Object | None = page.obj
    for _ in range(_MOST_DEEP):
        if found is None or Name.Resources in found:
            break
        found = found.get(Name.Parent)
    shared = Dictionary() if found is None else found.get(Name.Resources, Dictionary())
    page.obj.Resources = copy.copy(shared)
    resources: Dictionary = page.obj.Resources
    return resources


def _remove_invisible_text(page: Page) -> None:
    """Remove text that an earlier recognition laid over the page itself, not over its forms."""
    if Name.Contents not in page.obj:
        return
    page.contents_coalesce()
    if not _SETS_INVISIBLE.search(page.obj.Contents.read_bytes()):
        return
    kept: list[ContentStreamInstruction | ContentStreamInlineImage] = []
    modes, shown_modes = [0], set[int]()
    begin = 0
    for instruction in parse_content_stream(page):
        operator = str(instruction.operator)
        if operator == "q":
            modes.append(modes[-1])
        elif operator == "Q" and len(modes) > 1:
            modes.pop()
        elif operator == "Tr":
            modes[-1] = int(instruction.operands[0])
        elif operator == "BT":
            begin, shown_modes = len(kept), set()
        elif operator in _SHOWS:
            shown_modes.add(modes[-1])
        kept.append(instruction)
        if operator == "ET" and shown_modes == {_INVISIBLE}:
            kept[begin:] = [each for each in kept[begin:] if str(each.operator) not in _SHOWS]
    page.obj.Contents.write(unparse_content_stream(kept))


def _keep_pages(pdf: Pdf, kept: frozenset[int]) -> None:
    """Remove all pages but those of these numbers, counted from 1.

    Outlines and form fields of the others go too; links to them lead nowhere.
    """
    removed = [page.obj for number, page in enumerate(pdf.pages, 1) if number not in kept]
    numbers = {page.objgen for page in removed}
    _prune_outline(pdf, numbers)
    for number in range(len(pdf.pages), 0, -1):
        if number not in kept:
            del pdf.pages[number - 1]
    for page in removed:
        for annotation in page.get(Name.Annots, Array()):
            _clear(annotation)
        _clear(page)  # links may still hold it, and would keep its content in the file
    if Name.AcroForm in pdf.Root and Name.Fields in pdf.Root.AcroForm:
        pdf.Root.AcroForm.Fields = Array(_used_fields(pdf.Root.AcroForm.Fields))
    for key in _OF_ALL_PAGES:
        if key in pdf.Root:
            del pdf.Root[key]


def _clear(found: Object) -> None:
    if isinstance(found, Dictionary):
        for key in list(found.keys()):
            del found[key]


def _used_fields(fields: Iterable[Object], depth: int = _MOST_DEEP) -> list[Object]:
    """Return the fields that still have a place on a page."""
    used = []
    for field in fields:
        if Name.Kids in field and depth:
            field.Kids = Array(_used_fields(field.Kids, depth - 1))
        if len(field.get(Name.Kids, field.keys())):
            used.append(field)
    return used


def _prune_outline(pdf: Pdf, removed: set[tuple[int, int]]) -> None:
    if Name.Outlines not in pdf.Root:
        return
    with pdf.open_outline() as outline:
        outline.root = _used_items(pdf, outline.root, removed)


def _used_items(
    pdf: Pdf, items: Sequence[OutlineItem], removed: set[tuple[int, int]]
) -> list[OutlineItem]:
    """Return the items that lead to a page that stays; the children of others move up."""
    used = []
    for item in items:
        children = _used_items(pdf, item.children, removed)
        if _page_of(pdf, item) in removed:
            used += children
            continue
        item.children = children
        used.append(item)
    return used


def _page_of(pdf: Pdf, item: OutlineItem) -> tuple[int, int] | None:
    """Return the number of the page object that an item leads to, None where it tells none."""
    place: Any = item.destination  # Any: what a file has there
    if place is None and item.action is not None:
        place = item.action.get(Name.D)
    if isinstance(place, Name):
        place = pdf.Root.get(Name.Dests, Dictionary()).get(place)
    elif place is not None and not isinstance(place, (Array, Dictionary, int)):
        names = pdf.Root.get(Name.Names, Dictionary()).get(Name.Dests)
        place = None if names is None else NameTree(names).get(str(place))
    if isinstance(place, Dictionary):
        place = place.get(Name.D)
    if isinstance(place, Array) and len(place) and isinstance(place[0], Dictionary):
        number: tuple[int, int] = place[0].objgen
        return number
    return None


def _remove_signatures(pdf: Pdf) -> None:
    """Remove signatures, which hold no more; their fields and looks stay."""
    form = pdf.Root.get(Name.AcroForm)
    if form is None:
        return
    for field in _fields(form.get(Name.Fields, Array()), _MOST_DEEP):
        if field.get(Name.FT) == Name.Sig and Name.V in field:
            del field[Name.V]
    for owner, key in ((form, Name.SigFlags), (pdf.Root, Name.Perms)):
        if key in owner:
            del owner[key]


def _fields(fields: Iterable[Object], depth: int) -> Iterable[Object]:
    for field in fields:
        yield field
        if depth:
            yield from _fields(field.get(Name.Kids, Array()), depth - 1)


if __name__ == "__main__":
    main()
