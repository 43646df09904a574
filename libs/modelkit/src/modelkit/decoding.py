"""Decodes images in threads of their own, within a budget of memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import TypeVar, TypeVarTuple

from modelkit import formats
from modelkit.budget import ByteBudget
from modelkit.frames import Frames, read_frames
from modelkit.images import DecodedImage, ImageLimits, decode_image
from servicekit.errors import UnreadableImage
from servicekit.telemetry import SPAN_DECODE
from servicekit.tracing.steps import add_step

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

DECODE_THREADS = 2  # images that are decoded at once: decoding takes less time than the models
_CHANNELS = 3
_SMALL_BYTES = 1 << 20


class Decoder:
    """Thread pool for the work on single images before and after a model.

    The images that are open at once have no more pixels together than the largest allowed image,
    so that a large image is alone in the process.

    Args:
        limits: of one image.
        threads: images that are decoded at once.
    """

    def __init__(self, limits: ImageLimits, *, threads: int = DECODE_THREADS) -> None:
        self._limits = limits
        self._budget = ByteBudget(limits.max_pixels * _CHANNELS)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def read(self, content: bytes, prepare: Callable[[DecodedImage], Result]) -> Result:
        """Return the result of `prepare` on the decoded image; the image is freed.

        Raises:
            UnreadableImage: see `decode_image`.
        """
        async with self.opened(content, prepare) as result:
            return result

    @asynccontextmanager
    async def opened(
        self,
        content: bytes,
        prepare: Callable[[DecodedImage], Result],
        *,
        in_contrast: bool = False,
    ) -> AsyncIterator[Result]:
        """Yield the result of `prepare` on the decoded image, and hold memory for its pixels.

        Raises:
            UnreadableImage: See `decode_image`.
        """
        began_s = monotonic()
        if _tells_at_once(content):
            size_bytes = _pixel_bytes(content, self._limits)
        else:
            size_bytes = await self.run(_pixel_bytes, content, self._limits)
        async with self._budget.hold(size_bytes):
            decode = partial(_decode, in_contrast=in_contrast)
            result = await self.run(decode, content, self._limits, prepare)
            add_step(SPAN_DECODE, began_s=began_s)
            yield result

    async def read_frames(
        self, content: bytes, prepare: Callable[[DecodedImage], Result]
    ) -> Frames[Result]:
        """Return what `prepare` makes of the frames of an animation; see `modelkit.frames`.

        Raises:
            UnreadableImage: see `decode_image`.
        """
        size_bytes = await self.run(_pixel_bytes, content, self._limits)
        async with self._budget.hold(size_bytes):
            return await self.run(read_frames, content, self._limits, prepare)

    async def run(self, function: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """Run `function(*args)` in one of the threads.

        Cancelled before its start, the function never runs. Cancelled later, this returns when the
        function does: its memory is in use until then.
        """
        job = self._threads.submit(function, *args)
        waiting = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if not job.cancel():
                await asyncio.wait((waiting,))
            raise

    def close(self) -> None:
        """Wait for the running functions and end the threads."""
        self._threads.shutdown(cancel_futures=True)


def _tells_at_once(content: bytes) -> bool:
    """Return whether reading the size takes less time than a thread hand-over."""
    try:
        return len(content) <= _SMALL_BYTES and formats.recognize(content).tells_at_once
    except UnreadableImage:
        return False


def _pixel_bytes(content: bytes, limits: ImageLimits) -> int:
    """Return the size of the decoded pixels; 0 for an image that decoding will refuse."""
    try:
        image_format = formats.recognize(content)
        width, height = image_format.read_size(content)
    # As in `decode_image`, which will meet the same error and say what it means.
    except Exception:  # noqa: BLE001
        return 0
    pixels = width * height
    if image_format.may_exceed:
        return limits.max_pixels * _CHANNELS
    return pixels * _CHANNELS if pixels <= limits.max_pixels else 0


def _decode(
    content: bytes,
    limits: ImageLimits,
    prepare: Callable[[DecodedImage], Result],
    *,
    in_contrast: bool,
) -> Result:
    return prepare(decode_image(content, limits, in_contrast=in_contrast))
