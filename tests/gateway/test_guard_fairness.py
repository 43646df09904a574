"""Fairness: what one account does to the gateway leaves the others their share."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, alone, create_key
from tests.gateway.stage import WAIT
from tests.gateway.uploads import base64

CALLS = 40  # of the greedy account
OPEN = 16  # of 24 places, those that one account may take
OPEN_CONNECTIONS = 22  # of 32 of the fetcher
PER_HOST, HOSTS = 8, 5  # connections to one host, and hosts: more than there are in all


async def test_account_that_takes_every_place_leaves_others_their_share(tmp_path: Path) -> None:
    async with alone(tmp_path, max_in_flight=24) as (gateway, stage):
        other = replace(gateway, key=await create_key(gateway.settings, account="other"))
        greedy = [asyncio.create_task(gateway.look("classify", WAIT)) for _ in range(CALLS)]
        first = asyncio.as_completed(greedy)
        refused = [await next(first) for _ in range(CALLS - OPEN)]
        answers = await asyncio.gather(*(other.look("classify") for _ in range(8)))
        stage.release.set()
        replies = await asyncio.gather(*greedy)

    assert {reply.refusal for reply in refused} == {(429, "overloaded")}
    assert [reply.status for reply in replies].count(200) == OPEN
    assert {reply.status for reply in answers} == {200}


async def test_uploads_of_one_account_leave_room_for_others(tmp_path: Path) -> None:
    large = {"image": base64(IMAGE.ljust(5 * 2**20, b"\0"))}
    async with alone(tmp_path, upload_memory_mib=24) as (gateway, _):
        other = replace(gateway, key=await create_key(gateway.settings, account="other"))
        stalled = [asyncio.create_task(stall(gateway)) for _ in range(CALLS)]
        writers = await asyncio.gather(*stalled)
        await asyncio.gather(*(gateway.send("GET", "/healthz") for _ in range(CALLS)))
        reply = await other.post("classify", large)
        for writer in writers:
            writer.close()

    assert reply.status == 200


async def stall(gateway: Gateway) -> asyncio.StreamWriter:
    """Begin an upload of a mebibyte and send no more of it."""
    _, writer = await gateway.connect()
    head = f"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nX-API-Key: {gateway.key}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 9000000\r\n\r\n"
    writer.write(head.encode() + b'{"image": "' + b"R" * 2**20)
    await writer.drain()
    return writer


async def test_slow_urls_of_one_account_leave_others_their_connections(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        gateway, _ = await stack.enter_async_context(alone(tmp_path, max_in_flight=96))
        other = replace(gateway, key=await create_key(gateway.settings, account="other"))
        arrived = asyncio.Semaphore(0)

        async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            arrived.release()
            await reader.read()

        origins = [await stack.enter_async_context(listening(hang)) for _ in range(HOSTS)]
        slow = [
            asyncio.create_task(gateway.post("classify", {"url": origin.url()}))
            for origin in origins
            for _ in range(PER_HOST)
        ]
        for _ in range(OPEN_CONNECTIONS):
            await arrived.acquire()
        reply = await other.look_at("classify", image_answer())
        is_waited_for = any(task.done() for task in slow)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    assert reply.status == 200
    assert not is_waited_for
