"""Decode images beside the event loop and beside the models, within a budget of memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar, TypeVarTuple

from modelkit import formats
from modelkit.budget import ByteBudget
from modelkit.frames import Frames, read_frames
from modelkit.images import DecodedImage, ImageLimits, decode_image
from servicekit.errors import UnreadableImage

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

_CHANNELS = 3
_SMALL_BYTES = 1 << 20


class Decoder:
    """Threads for the work on single images before and after a model.

    The images that are open at once have no more pixels together than the largest one that is
    allowed has, so that a large image is alone in the process.

    Args:
        limits: of one image.
        threads: images that are decoded at once.
    """

    def __init__(self, limits: ImageLimits, *, threads: int) -> None:
        self._limits = limits
        self._budget = ByteBudget(limits.max_pixels * _CHANNELS)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def read(self, content: bytes, prepare: Callable[[DecodedImage], Result]) -> Result:
        """Decode an image, return what `prepare` makes of it and forget the image.

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
        """Decode an image and yield what `prepare` makes of it, with room for its pixels.

        Raises:
            UnreadableImage: See `decode_image`.
        """
        if _tells_at_once(content):
            size_bytes = _pixel_bytes(content, self._limits)
        else:
            size_bytes = await self.run(_pixel_bytes, content, self._limits)
        async with self._budget.hold(size_bytes):
            decode = partial(_decode, in_contrast=in_contrast)
            yield await self.run(decode, content, self._limits, prepare)

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

        Cancelled before it has begun, it never does; later, this ends when it has: the memory that
        it takes is in use until then.
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
        """Wait for what is running and end the threads."""
        self._threads.shutdown(cancel_futures=True)


def _tells_at_once(content: bytes) -> bool:
    """Tell whether the size is known sooner than a thread is asked for it."""
    try:
        return len(content) <= _SMALL_BYTES and formats.recognize(content).tells_at_once
    except UnreadableImage:
        return False


def _pixel_bytes(content: bytes, limits: ImageLimits) -> int:
    """Return the room that an image takes decoded, 0 where decoding will refuse it."""
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
