"""Collector of the pages of a document, within a bound of memory and of time."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Final

from modelkit.decoding import Decoder
from modelkit.doubts import ImageWarning
from ocr.amending import Amendment
from ocr.documents import Document
from ocr.formats import PrintedPage, WrittenDocument, write_document, write_layers
from ocr.isolated import IsolatedModule
from ocr.text_layer import TEXT_LAYER
from servicekit.errors import InvalidRequest

SIGNATURE_LOST: Final = "signature_lost"

_MIB = 1024 * 1024
_MOST_JPEG_BYTES = 48 * _MIB  # of all pages; one drawn at 250 dots per inch has 0.5 MB
_PDF = "pdf"
_PDF_END = b"%%EOF\n"


async def amend(
    amending: IsolatedModule, content: bytes, layers: bytes, amendment: Amendment
) -> bytes:
    """Return the PDF with the layers on its pages, empty where that cannot be done."""
    header = json.dumps(asdict(amendment)).encode() + b"\n"
    try:
        output = await amending.run(header + layers + content)
    except TimeoutError:
        return b""
    return output if output.endswith(_PDF_END) else b""


class DocumentWriter:
    """Document under construction.

    Args:
        format_name: one of `ocr.formats.FORMATS`; None where nothing is to be written.
        document: what is read.
        numbers: of the pages that are read, in their order.
        with_layer: whether text that pages bring along is used.
    """

    def __init__(
        self,
        format_name: str | None,
        document: Document,
        numbers: Sequence[int],
        *,
        with_layer: bool,
    ) -> None:
        self.format_name = format_name
        self._document = document
        self._numbers = numbers
        self._with_layer = with_layer
        self._pages: list[PrintedPage] = []
        self._jpeg_bytes = 0
        self._is_amended = format_name == _PDF and bool(document.pdf)
        self._is_signed = self._is_amended and document.is_signed

    def add(self, page: PrintedPage) -> PrintedPage:
        """Add the next page, and return it with a warning where it costs the file its signature.

        Raises:
            InvalidRequest: the document gets too large.
        """
        if self.format_name is None:
            return page
        self._pages.append(page)
        self._jpeg_bytes += len(page.jpeg)
        if self._jpeg_bytes > _MOST_JPEG_BYTES:
            if not self._is_amended:
                raise InvalidRequest(
                    f"the PDF would have over {_MOST_JPEG_BYTES // _MIB} MiB after "
                    f"{len(self._pages)} pages; ask for fewer pages"
                )
            self._pages = [replace(each, jpeg=b"") for each in self._pages]
        if not (self._is_signed and self._changes([page])):
            return page
        self._is_signed = False  # said once
        return replace(page, page=replace(page.page, warnings=(*page.page.warnings, _UNSIGNED)))

    async def write(self, amending: IsolatedModule, decoder: Decoder) -> WrittenDocument:
        """Return the document in its format.

        Args:
            amending: adds text to a PDF; each process may take 512 MiB for a hostile file.
            decoder: runs what is written beside the event loop.

        Raises:
            InvalidRequest: no text can be added to the PDF, and it is too large to be redrawn.
        """
        if self._is_amended:
            content = await self._amended(amending, decoder)
            if content:
                return WrittenDocument(content, "application/pdf")
            if self._jpeg_bytes > _MOST_JPEG_BYTES:
                raise InvalidRequest("no text can be added to this PDF; ask for fewer pages")
        return await decoder.run(partial(write_document, self._pages, self.format_name or ""))

    async def _amended(self, amending: IsolatedModule, decoder: Decoder) -> bytes:
        if not self._changes(self._pages):
            return self._document.pdf
        read = [page for page in self._pages if page.page.route != TEXT_LAYER]
        layers = await decoder.run(partial(write_layers, read))
        amendment = Amendment(
            layers_bytes=len(layers),
            page_count=self._document.page_count,
            kept=list(self._numbers),
            layered=[page.number for page in read],
            is_layer_replaced=not self._with_layer,
        )
        return await amend(amending, self._document.pdf, layers, amendment)

    def _changes(self, pages: Sequence[PrintedPage]) -> bool:
        """Return whether the PDF that came cannot stay as it is with these pages."""
        is_read = any(page.page.route != TEXT_LAYER for page in pages)
        return is_read or len(self._numbers) < self._document.page_count


_UNSIGNED = ImageWarning(
    SIGNATURE_LOST,
    "the PDF that is written has no digital signature any more; keep the signed file beside it",
)
