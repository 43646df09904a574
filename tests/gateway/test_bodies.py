"""Bodies that arrive slowly, or many at once: nobody else is kept waiting, memory is bounded."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from gateway.input.bodies import UploadMemory
from gateway.problems import Problem
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Start
from tests.gateway.uploads import base64

MIB = 2**20
ENOUGH_S = 20  # far beyond what any of the waits below takes


def test_memory_is_refused_when_it_is_full_and_given_back() -> None:
    memory = UploadMemory(150)
    with memory.share("greedy") as first:
        first.grow_to(60)
        with memory.share("greedy") as more, pytest.raises(Problem, match="too many") as caught:
            more.grow_to(41)
        first.grow_to(100)
        with memory.share("other") as other:
            other.grow_to(50)

    assert (caught.value.status, caught.value.code) == (429, "overloaded")
    assert memory.used_bytes == 0


@dataclass(frozen=True, slots=True)
class Slow:
    """A request whose body stops before its end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, str, bytes]:
        """Return status, code and head of what it is answered."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        return status, json.loads(await self.reader.read())["error"]["code"], head


@asynccontextmanager
async def sending(
    gateway: Gateway,
    body: bytes,
    *,
    length: int,
    headers: str = "",
    path: str = "classify",
    key: str = "",
) -> AsyncIterator[Slow]:
    """Send the beginning of a body of that length."""
    reader, writer = await gateway.connect()
    head = f"POST /api/v1/{path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key or gateway.key}\r\n"
    writer.write(f"{head}{headers}Content-Length: {length}\r\n\r\n".encode() + body)
    await writer.drain()
    yield Slow(reader, writer)
    writer.close()


async def test_body_that_does_not_end_in_time_is_408(start: Start) -> None:
    async with (
        start(body_timeout_s=0.2) as gateway,
        sending(gateway, b'{"image": "', length=1000) as slow,
        asyncio.timeout(ENOUGH_S),
    ):
        status, code, head = await slow.answer()

    assert (status, code) == (408, "body_timeout")
    assert b"connection: close" in head.lower()


async def test_drip_is_408_too(start: Start) -> None:
    """However often a byte comes, the whole body has one deadline.

    What drips on may be cut off before it reads the answer, so the log is asked.
    """
    with capture_logs() as lines:
        async with (
            start(body_timeout_s=0.3) as gateway,
            sending(gateway, b"{", length=10_000) as slow,
            asyncio.timeout(ENOUGH_S),
        ):
            end = asyncio.create_task(slow.reader.read())
            while not end.done():
                slow.writer.write(b" ")
                await asyncio.wait({end}, timeout=0.02)
            await asyncio.gather(end, return_exceptions=True)

    assert 408 in [line.get("status") for line in lines]


async def test_slow_bodies_hold_no_place_of_those_that_are_answered(
    start: Start,
) -> None:
    async with (
        start(max_in_flight=1) as gateway,
        AsyncExitStack() as stack,
    ):
        for _ in range(50):
            await stack.enter_async_context(sending(gateway, b'{"image": "', length=10 * MIB))
        reply = await gateway.post("classify", {"image": base64()})

    assert reply.status == 200


async def test_uploads_beyond_the_memory_are_429_and_small_bodies_pass(
    start: Start,
) -> None:
    large = IMAGE.ljust(9 * MIB, b"\0")
    begun = b'{"image": "' + b"R" * 9 * MIB
    async with start(upload_memory_mib=24) as gateway:
        async with sending(gateway, begun, length=10 * MIB):
            await until_read(gateway)
            refused = await gateway.post("classify", {"image": base64(large)})
            small = await gateway.post("classify", {"image": base64()})
        async with asyncio.timeout(ENOUGH_S):
            while (await gateway.post("classify", {"image": base64(large)})).status != 200:
                continue

    assert refused.refusal == (429, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert small.status == 200


async def until_read(gateway: Gateway) -> None:
    """Give the gateway time to read what was sent, by asking it until it must have."""
    for _ in range(200):
        await gateway.send("GET", "/healthz")


async def test_body_that_is_far_too_large_is_not_read(gateway: Gateway) -> None:
    async with sending(gateway, b"x", length=20 * MIB) as asking, asyncio.timeout(ENOUGH_S):
        status, code, head = await asking.answer()

    assert (status, code) == (413, "body_too_large")
    assert b"connection: close" in head.lower()


async def test_who_asks_first_sends_nothing(gateway: Gateway) -> None:
    """Curl asks with Expect: 100-continue before it sends a megabyte."""
    expect = "Expect: 100-continue\r\n"
    async with (
        sending(gateway, b"", length=15 * MIB, headers=expect) as asking,
        asyncio.timeout(ENOUGH_S),
    ):
        status, code, _ = await asking.answer()

    assert (status, code) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "key", "status"), [("classify", "unknown", 401), ("nothing", "", 404)]
)
async def test_refusal_waits_for_the_rest_of_the_body(
    gateway: Gateway, path: str, key: str, status: int
) -> None:
    """Many clients of HTTP/2 lose an answer that comes before they have sent everything."""
    async with (
        sending(gateway, b"x", length=2, path=path, key=key) as asking,
        asyncio.timeout(ENOUGH_S),
    ):
        answering = asyncio.create_task(asking.reader.readuntil(b"\r\n\r\n"))
        for _ in range(10):
            await gateway.send("GET", "/healthz")
        was_early = answering.done()
        asking.writer.write(b"x")
        head = await answering

    assert (int(head.split()[1]), was_early) == (status, False)
    assert b"connection: close" not in head.lower()


async def test_who_sends_first_still_hears_the_refusal(gateway: Gateway) -> None:
    """The connection goes on: everything that was sent was read."""
    for _ in range(3):
        reply = await gateway.post("analyzed-text", b" " * 8 * MIB)
        assert reply.refusal == (413, "body_too_large")
        assert "Connection" not in reply.headers
