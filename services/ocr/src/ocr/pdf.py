"""The pages of a PDF as images, drawn by `ocr.drawing` in processes of their own."""

import json
from dataclasses import asdict
from types import MappingProxyType

import numpy as np

from modelkit.images import RgbImage
from ocr.drawing import ASKS_FOR_PASSWORD, DAMAGED, DrawingLimits, Drawn
from ocr.isolated import IsolatedModule
from servicekit.errors import UnreadableImage

_WORDS = MappingProxyType(
    {
        ASKS_FOR_PASSWORD: "the PDF asks for a password; send it without one",
        DAMAGED: "the PDF is damaged, cut short or without pages; send a whole file",
    }
)


class PdfDrawer:
    """Draws pages of PDF files, which may be hostile.

    Args:
        limits: how large a page is drawn.
        at_once: processes that draw at once; each may take 512 MiB for a hostile file.
        within_s: longest time for one page, in seconds; a full scan takes 0.3.
    """

    def __init__(self, limits: DrawingLimits, *, at_once: int, within_s: float = 20.0) -> None:
        self._limits = json.dumps(asdict(limits))
        self._drawing = IsolatedModule("ocr.drawing", at_once=at_once, within_s=within_s)

    async def inspect(self, content: bytes) -> Drawn:
        """Return how many pages a PDF has and whether it is signed.

        Raises:
            UnreadableImage: it is damaged, asks for a password, or has none.
        """
        drawn, _ = await self._draw(content, 0)
        return drawn

    async def draw(self, content: bytes, number: int) -> tuple[RgbImage, Drawn]:
        """Return a page, counted from 1, and its dots per inch and text.

        Raises:
            UnreadableImage: it cannot be drawn.
        """
        drawn, pixels = await self._draw(content, number)
        return pixels.reshape(drawn.height, drawn.width, 3), drawn

    async def _draw(self, content: bytes, number: int) -> tuple[Drawn, RgbImage]:
        try:
            output = await self._drawing.run(content, str(number), self._limits)
        except TimeoutError as error:
            within_s = self._drawing.within_s
            message = f"{_subject(number)} takes over {within_s:g} s; send it as an image"
            raise UnreadableImage(message) from error
        head, found, _ = output.partition(b"\n")
        drawn = Drawn(**json.loads(head)) if found else Drawn()
        size_bytes = drawn.height * drawn.width * 3
        if not found or len(output) != len(head) + 1 + size_bytes:
            raise UnreadableImage(
                f"{_subject(number)} is damaged or takes too much memory; send it as an image"
            )
        if drawn.page_count == 0:
            raise UnreadableImage(_WORDS[drawn.fault or DAMAGED])
        return drawn, np.frombuffer(output, np.uint8, size_bytes, len(head) + 1)


def _subject(number: int) -> str:
    return f"page {number} of the PDF" if number else "the PDF"
