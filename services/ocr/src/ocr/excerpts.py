"""Removal of pages from a PDF, with what the rest of the file tells of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from pikepdf import Array, Dictionary, Name, NameTree, Object, OutlineItem, Pdf

# Of the whole document; they tell of pages by their place, or hold their text.
_OF_ALL_PAGES = (Name.PageLabels, Name.StructTreeRoot, Name.MarkInfo, Name.OpenAction)


def keep_pages(pdf: Pdf, kept: frozenset[int]) -> None:
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


def _used_fields(fields: Iterable[Object], depth: int = 50) -> list[Object]:
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
