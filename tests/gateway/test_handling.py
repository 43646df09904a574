"""The order of checks, credits, deadlines, the bound on requests at once, callers that hang up."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.gateway.origin import IMAGE, image_answer, listening, says
from tests.gateway.running import Gateway, alone, coins_of
from tests.gateway.stage import WAIT

ENOUGH_S = 20  # far beyond what any of the waits below takes
TOO_LARGE = b"x" * (768 * 1024 + 1)
NO_ORIGIN = says(b"HTTP/1.1 404 Not Found\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "with_key", "media_type", "body", "refusal"),
    [
        ("GET", False, "application/json", None, (405, "method_not_allowed")),
        ("PUT", False, "image/png", TOO_LARGE, (405, "method_not_allowed")),
        ("POST", False, "application/json", b"{bad", (401, "missing_api_key")),
        ("POST", False, "application/json", TOO_LARGE, (401, "missing_api_key")),
        ("POST", False, "image/png", b"{bad", (401, "missing_api_key")),
        ("POST", True, "image/png", TOO_LARGE, (415, "unsupported_media_type")),
        ("POST", True, "application/json", TOO_LARGE, (400, "malformed_json")),
        ("POST", True, "application/json", b'{"limit": "x",', (400, "malformed_json")),
        ("POST", True, "application/json", b'{"x": 1}', (400, "unknown_parameter")),
        ("POST", True, "application/json", b'{"limit": "x"}', (404, "missing_parameter")),
        ("POST", True, "application/json", b'{"url": "x", "limit": 0}', (400, "invalid_parameter")),
        ("POST", True, "application/json", b'{"url": "x"}', (400, "invalid_url")),
    ],
)
async def test_first_check_that_fails_answers(  # noqa: PLR0917 - the columns of the table
    gateway: Gateway,
    method: str,
    with_key: bool,  # noqa: FBT001 - a column of the table
    media_type: str,
    body: bytes | None,
    refusal: tuple[int, str],
) -> None:
    key = {"X-API-Key": gateway.key} if with_key else {}

    reply = await gateway.send(
        method, "/api/v1/classify", body=body, headers={"Content-Type": media_type, **key}
    )

    assert reply.refusal == refusal


async def test_empty_purse_is_406_after_the_fetch_and_before_the_call(tmp_path: Path) -> None:
    async with (
        alone(tmp_path, coins=0) as (gateway, stage),
        listening(image_answer()) as origin,
    ):
        reply = await gateway.post("classify", {"url": origin.url()})

    assert reply.refusal == (406, "insufficient_balance")
    assert reply.message == "the balance is 0; the price is 1; ask for more credits"
    assert len(origin.requests) == 1
    assert stage.calls == []


async def test_url_that_cannot_be_fetched_is_never_charged(tmp_path: Path) -> None:
    """Else an account without credits would hear of them."""
    async with alone(tmp_path, coins=0) as (gateway, _):
        reply = await gateway.look_at("classify", NO_ORIGIN)

    assert reply.refusal == (502, "fetch_failed")


async def test_failed_request_costs_nothing_and_frees_its_place(tmp_path: Path) -> None:
    async with alone(tmp_path, coins=5, max_in_flight=1) as (gateway, _):
        for word in (b"unreadable", b"full", b"no model", b"bug"):
            await gateway.look("nudity", word)
        await gateway.look_at("classify", NO_ORIGIN)
        before = await coins_of(gateway)
        reply = await gateway.look("classify")
        after = await coins_of(gateway)

    assert (before, reply.status, after) == (5, 200, 4)


async def test_deadline_travels_to_the_service(tmp_path: Path) -> None:
    async with alone(tmp_path, request_timeout_s=7) as (gateway, stage):
        await gateway.look("classify")
        await gateway.get("/api/v1/languages")

    # grpc rounds a deadline up when it writes it down, by less than a tenth of it.
    assert [0 < call.remaining_s < 7.7 for call in stage.calls] == [True, True]


async def test_time_of_the_fetch_is_taken_from_the_service(tmp_path: Path) -> None:
    whole = image_answer()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.5)
        await whole(reader, writer)

    async with alone(tmp_path, request_timeout_s=30) as (gateway, stage):
        reply = await gateway.look_at("classify", late)

    assert reply.status == 200
    assert stage.calls[0].remaining_s < 29.5


async def test_one_request_too_many_is_429_until_a_place_is_free(tmp_path: Path) -> None:
    async with alone(tmp_path, max_in_flight=1) as (gateway, stage):
        first = asyncio.create_task(gateway.look("classify", WAIT))
        await stage.waiting.wait()

        refused = await gateway.look("classify")
        stage.release.set()
        answered = await first
        accepted = await gateway.look("classify")

    assert refused.refusal == (429, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert (answered.status, accepted.status) == (200, 200)


@asynccontextmanager
async def asking(gateway: Gateway, url: str) -> AsyncIterator[None]:
    """Send a request for an image at `url`, and hang up at the end without reading an answer."""
    body = json.dumps({"url": url}).encode()
    head = f"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nX-API-Key: {gateway.key}\r\n"
    _, writer = await gateway.connect()
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    yield
    writer.close()
    await writer.wait_closed()


async def test_caller_that_hangs_up_cancels_the_call_and_is_refunded_before_it_is_over(
    tmp_path: Path,
) -> None:
    """Else a stop of the gateway could close the database under a refund."""

    def note_coins(_: object, __: str, line: EventDict) -> EventDict:
        with closing(sqlite3.connect(tmp_path / "gateway.db")) as database:
            ((coins,),) = database.execute("SELECT balance FROM accounts")
        return {**line, "coins": coins}

    async with (
        alone(tmp_path, coins=5, max_in_flight=1) as (gateway, stage),
        listening(image_answer(IMAGE + WAIT)) as origin,
        asyncio.timeout(ENOUGH_S),
    ):
        with capture_logs(processors=[note_coins]) as lines:
            async with asking(gateway, origin.url()):
                await stage.waiting.wait()
            await stage.cancelled.wait()
            while not [line for line in lines if line.get("status") == 499]:
                await gateway.send("GET", "/healthz")
        again = await gateway.look("classify")

    assert [line["coins"] for line in lines if line.get("status") == 499] == [5]
    assert again.status == 200  # its place is free


async def test_caller_that_hangs_up_ends_the_fetch(tmp_path: Path) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        ended.set()

    async with (
        alone(tmp_path) as (gateway, stage),
        listening(silent) as origin,
        asyncio.timeout(ENOUGH_S),
    ):
        async with asking(gateway, origin.url()):
            await asked.wait()
        await ended.wait()

    assert stage.calls == []


async def test_stop_waits_for_the_request_in_flight(tmp_path: Path) -> None:
    async with listening(image_answer(IMAGE + WAIT)) as origin:
        async with alone(tmp_path) as (gateway, stage):
            reply = asyncio.create_task(gateway.post("nudity", {"url": origin.url()}))
            await stage.waiting.wait()
            asyncio.get_running_loop().call_later(0.2, stage.release.set)

        assert (await reply).status == 200
