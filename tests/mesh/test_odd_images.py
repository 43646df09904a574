"""Odd and broken images through the whole mesh: an answer or a clear 4xx, and no process dies."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import aiohttp
import pytest

from tests.mesh.conftest import SERVICES, RunningMesh
from tests.mesh.images import ImageServer
from tests.sample_images import bomb_images, broken_images, odd_images, oversized_images

GIB = 1024**3
ENDPOINTS = ("colorize", "ocr", "nudity")  # one of each service
REFUSALS = {413, 415, 422}


@pytest.fixture(scope="module")
def folder() -> Iterator[ImageServer]:
    with ImageServer({}) as server:
        yield server


async def post_all(
    rest: aiohttp.ClientSession,
    folder: ImageServer,
    endpoint: str,
    images: Iterable[tuple[str, bytes]],
) -> Counter[int]:
    """Post each image by URL, eight at a time, and count the statuses."""
    counts: Counter[int] = Counter()
    places = asyncio.Semaphore(8)

    async def post(number: int, content: bytes) -> None:
        name = f"{endpoint}-{number}"
        folder.images[name] = content
        async with (
            places,
            rest.post(f"/api/v1/{endpoint}", json={"url": folder.url(name)}) as response,
        ):
            body = await response.json()
            counts[response.status] += 1
            assert ("result" in body) is (response.status == 200), body
        del folder.images[name]

    await asyncio.gather(*(post(number, content) for number, (_, content) in enumerate(images)))
    return counts


def processes(mesh: RunningMesh) -> dict[str, int]:
    return {name: mesh.process_id(name) for name in (*SERVICES, "gateway")}


def peak_bytes(process_id: int) -> int:
    """Return the most memory that the process ever held."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak) * 1024


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_odd_images_are_answered(
    mesh: RunningMesh, rest: aiohttp.ClientSession, folder: ImageServer, endpoint: str
) -> None:
    before = processes(mesh)

    # Each service gets its third: the decoder is the same, tests/modelkit looks at its pixels.
    third = list(odd_images().items())[ENDPOINTS.index(endpoint) :: len(ENDPOINTS)]
    counts = await post_all(rest, folder, endpoint, third)

    assert counts == {200: len(third)}
    assert processes(mesh) == before


async def test_oversized_images_and_bombs_are_refused(
    mesh: RunningMesh, rest: aiohttp.ClientSession, folder: ImageServer
) -> None:
    before = processes(mesh)

    oversized = await post_all(rest, folder, "ocr", oversized_images().items())
    bombs = await post_all(rest, folder, "ocr", bomb_images().items())

    assert oversized == {422: len(oversized_images())}
    assert bombs.keys() <= REFUSALS | {200}
    assert processes(mesh) == before


async def test_truncated_and_mutated_images_never_fail(
    mesh: RunningMesh, rest: aiohttp.ClientSession, folder: ImageServer
) -> None:
    before = processes(mesh)

    some = islice(broken_images(), 0, None, 16)  # tests/modelkit decodes them all
    counts = await post_all(rest, folder, "classify", some)

    assert counts.total() > 150
    assert counts.keys() <= REFUSALS | {200, 502}
    assert counts[502] <= 10, "only the empty files, which nobody can fetch"
    assert processes(mesh) == before


async def test_no_process_held_more_than_a_gibibyte(mesh: RunningMesh) -> None:
    """It stands last: it looks at what the tests before it left behind."""
    peaks = {name: peak_bytes(number) / GIB for name, number in processes(mesh).items()}

    assert {name: peak for name, peak in peaks.items() if peak > 1} == {}
