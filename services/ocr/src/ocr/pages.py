"""Reading of documents page by page; each page is one request in the queue of the reader."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any, TypeAlias, TypeVar

from modelkit.loading import LoadedModel, ModelSlot
from ocr.documents import Document, Documents, OpenedPage
from ocr.formats import PrintedPage
from ocr.languages import Language
from ocr.preparation import Corners, FittedImage
from ocr.reading import Page, Reader
from ocr.text_layer import is_strange, page_of_layer

Result = TypeVar("Result")
ReaderSlot: TypeAlias = ModelSlot[
    LoadedModel[Reader], tuple[FittedImage, tuple[Language, ...]], Page
]

_AHEAD = 2  # one page is read, the next is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOrder:
    """Options of a request for the reading of its pages.

    Attributes:
        languages: of the text; empty to detect them.
        min_confidence: lines below it are left out.
        with_jpeg: keep the image of a page, for a PDF.
        with_layer: take the text that a page brings along where it covers the page.
        caller: its name; callers take turns, page by page.
    """

    languages: tuple[Language, ...]
    min_confidence: float = 0.0
    with_jpeg: bool = False
    with_layer: bool = True
    caller: str


class PageReader:
    """Opens documents and reads their pages.

    Args:
        slot: of the reader; its limits hold for opening and drawing too.
        documents: opens files.
    """

    def __init__(self, slot: ReaderSlot, documents: Documents) -> None:
        self._slot = slot
        self._documents = documents

    async def open(self, content: bytes, order: PageOrder) -> Document:
        """Return the document in a file.

        Raises:
            UnreadableImage: see `Documents.open`.
        """
        return await self._serve(lambda: self._documents.open(content), order)

    async def read_image(self, content: bytes, order: PageOrder) -> PrintedPage:
        """Read an image; of a TIFF file, its first page."""
        return await self.read(self._documents.image(content), 1, order)

    async def read(self, document: Document, number: int, order: PageOrder) -> PrintedPage:
        """Read one page."""
        began_s = monotonic()

        async def work() -> PrintedPage:
            async with document.opened(number, with_jpeg=order.with_jpeg) as opened:
                page = await self._layer(opened, order)
                if page is None:
                    page = await self._slot.answer((opened.fitted, order.languages))
            page = replace(page, warnings=(*opened.warnings, *page.warnings))
            return PrintedPage(
                page=page.above(order.min_confidence),
                number=number,
                width_px=opened.fitted.original_width,
                height_px=opened.fitted.original_height,
                dots_per_inch=opened.dots_per_inch,
                vertical_dots_per_inch=opened.vertical_dots_per_inch,
                jpeg=opened.jpeg,
                corners=opened.corners,
                own_words=_own_words(opened) if order.with_layer and order.with_jpeg else (),
            )

        return replace(await self._serve(work, order), seconds=monotonic() - began_s)

    async def read_all(
        self, document: Document, numbers: Iterable[int], order: PageOrder
    ) -> AsyncGenerator[PrintedPage, None]:
        """Yield the pages of these numbers, in their order, each as soon as it is read.

        Closing it cancels the pages under way.
        """
        under_way: deque[asyncio.Task[PrintedPage]] = deque()
        try:
            for number in numbers:
                under_way.append(asyncio.create_task(self.read(document, number, order)))
                if len(under_way) == _AHEAD:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _layer(self, opened: OpenedPage, order: PageOrder) -> Page | None:
        """Return the page that its own text gives, None where it has to be read."""
        if not (order.with_layer and opened.layer):
            return None
        make = partial(page_of_layer, opened.layer, opened.fitted, order.languages)
        return await self._documents.run(make)

    async def _serve(
        self,
        work: Callable[[], Coroutine[Any, Any, Result]],  # Any: as `FairQueue` has it
        order: PageOrder,
    ) -> Result:
        return await self._slot.serve(work, caller=order.caller)


def _own_words(opened: OpenedPage) -> list[Corners]:
    """Return the places of the legible words that a page of a PDF brings along."""
    return [word.corners for line in opened.layer for word in line if not is_strange(word.text)]
