"""The pages of a PDF as images, drawn by `ocr.drawing` in processes of their own."""

import asyncio
import json
import sys
from dataclasses import asdict
from subprocess import DEVNULL, PIPE, Popen
from threading import Lock
from types import MappingProxyType

import numpy as np

from modelkit.images import RgbImage
from ocr.drawing import ASKS_FOR_PASSWORD, DAMAGED, DrawingLimits, Drawn
from servicekit.errors import UnreadableImage
from servicekit.turns import CALLER, FairSemaphore

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
        self._limits = limits
        self._within_s = within_s
        self._places = FairSemaphore(at_once)

    async def count_pages(self, content: bytes) -> int:
        """Return how many pages a PDF has.

        Raises:
            UnreadableImage: it is damaged, asks for a password, or has none.
        """
        drawn, _ = await self._draw(content, 0)
        return drawn.page_count

    async def draw(self, content: bytes, number: int) -> tuple[RgbImage, Drawn]:
        """Return a page, counted from 1, and its dots per inch and text.

        Raises:
            UnreadableImage: it cannot be drawn.
        """
        drawn, pixels = await self._draw(content, number)
        return pixels.reshape(drawn.height, drawn.width, 3), drawn

    async def _draw(self, content: bytes, number: int) -> tuple[Drawn, RgbImage]:
        process = _Process(number, self._limits)
        try:
            async with self._places.held(CALLER.get()), asyncio.timeout(self._within_s):
                output = await asyncio.to_thread(process.run, content)
        except TimeoutError as error:
            message = f"{_subject(number)} takes over {self._within_s:g} s; send it as an image"
            raise UnreadableImage(message) from error
        finally:
            process.give_up()
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


class _Process:
    """One run of `ocr.drawing`; given up, it ends at once.

    In a thread and not by asyncio: uvloop forks, which in a process of this size takes long and
    starts what gRPC does before a fork; Popen does not.
    """

    def __init__(self, number: int, limits: DrawingLimits) -> None:
        self._arguments = (str(number), json.dumps(asdict(limits)))
        self._lock = Lock()
        self._process: Popen[bytes] | None = None
        self._is_given_up = False

    def run(self, content: bytes) -> bytes:
        """Return what it writes, empty where it was given up."""
        with self._lock:
            if self._is_given_up:
                return b""
            process = self._process = Popen(  # noqa: S603 - the caller's bytes are no arguments
                # -I: with no folder on the path but those of the install.
                [sys.executable, "-I", "-m", "ocr.drawing", *self._arguments],
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,  # pdfium writes there what it thinks of a file
                start_new_session=True,  # Ctrl-C in a terminal is for the service, which drains
            )
        with process:
            return process.communicate(content)[0]

    def give_up(self) -> None:
        """End it where it has not ended."""
        with self._lock:
            self._is_given_up = True
            if self._process is not None:
                self._process.kill()


def _subject(number: int) -> str:
    return f"page {number} of the PDF" if number else "the PDF"
