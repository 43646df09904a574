"""Decoding in threads: results, and the bound of the pixels that are open at once."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from modelkit.decoding import Decoder
from modelkit.images import DecodedImage, ImageLimits, encode_image
from servicekit.errors import UnreadableImage
from tests.modelkit.held_jobs import HeldJob

SMALL = encode_image(np.zeros((10, 10, 3), np.uint8), "image/png")
LARGE = encode_image(np.zeros((30, 30, 3), np.uint8), "image/png")


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    """Return one of two threads whose largest image has 1000 pixels."""
    made = Decoder(ImageLimits(max_pixels=1000), threads=2)
    yield made
    made.close()


def shape(decoded: DecodedImage) -> tuple[int, ...]:
    return decoded.pixels.shape


async def test_image_over_the_limit_waits_for_nobody(decoder: Decoder) -> None:
    huge = encode_image(np.zeros((40, 40, 3), np.uint8), "image/png")

    async with decoder.opened(LARGE, shape):
        with pytest.raises(UnreadableImage, match=r"the limit is 0\.0 MP"):
            await decoder.read(huge, shape)


async def test_large_image_waits_until_there_is_room_for_its_pixels(decoder: Decoder) -> None:
    entered = asyncio.Event()

    async def open_large() -> None:
        async with decoder.opened(LARGE, shape):
            entered.set()

    async with decoder.opened(SMALL, shape), decoder.opened(SMALL, shape):
        waiting = asyncio.create_task(open_large())
        await decoder.run(int)  # behind it in the threads: its size is known by now
        await decoder.run(int)
        assert not entered.is_set()

    await waiting


async def test_cancelled_job_that_has_not_begun_never_does(decoder: Decoder) -> None:
    held = HeldJob(), HeldJob()
    running = [asyncio.create_task(decoder.run(job)) for job in held]
    for job in held:
        await job.wait_until_running()
    calls: list[int] = []
    waiting = asyncio.create_task(decoder.run(calls.append, 1))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait((waiting,))
    for job in held:
        job.may_end.set()

    assert await asyncio.gather(*running) == ["done", "done"]
    assert waiting.cancelled()
    assert calls == []


async def test_cancelled_job_that_runs_is_waited_for(decoder: Decoder) -> None:
    held = HeldJob()
    job = asyncio.create_task(decoder.run(held))
    await held.wait_until_running()

    job.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not job.done(), "its memory is in use"
    held.may_end.set()
    await asyncio.wait((job,))

    assert job.cancelled()
