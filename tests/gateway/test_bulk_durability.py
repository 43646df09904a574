"""Bulk jobs through kill -9 and crowds: each item answered once and charged once."""

import asyncio
import io
import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from servicekit.callers import caller_digest
from tests.gateway.alone import alone
from tests.gateway.books import Books, books
from tests.gateway.bulks import archive, images, output, submit
from tests.gateway.origin import IMAGE
from tests.gateway.running import create_key
from tests.gateway.stage import WAIT
from tests.gateway.test_durability import CREDITS, Mesh, mesh_in

SHARD = 100


async def begin(mesh: Mesh, count: int) -> str:
    """Submit a bulk job of so many images and return its path."""
    form = aiohttp.FormData()
    form.add_field("endpoint", "nudity")
    form.add_field("archive", io.BytesIO(images(count)), filename="images.zip")
    url = f"{mesh.gateway.url}/api/v1/bulk"
    async with (
        aiohttp.ClientSession(headers={"X-API-Key": mesh.key}) as http,
        http.post(url, data=form) as reply,
    ):
        assert reply.status == 202, await reply.text()
        return str((await reply.json())["result"]["url"])


async def finish(mesh: Mesh, path: str) -> list[dict[str, Any]]:
    """Return the lines of the output, when there is one."""
    async with aiohttp.ClientSession(headers={"X-API-Key": mesh.key}) as http:
        while True:
            with suppress(aiohttp.ClientError):
                async with http.get(f"{mesh.gateway.url}{path}/events") as events:
                    await events.read()
                async with http.get(f"{mesh.gateway.url}{path}/output") as reply:
                    if reply.status == 200:
                        return [json.loads(line) async for line in reply.content]


async def check(mesh: Mesh, lines: list[dict[str, Any]], count: int) -> None:
    """Check that each item was answered and charged exactly once."""
    assert [(line["number"], line["status"]) for line in lines] == [
        (number, 200) for number in range(count)
    ]
    left = CREDITS - count
    assert await books(mesh.database) == Books(left, 0, left, spent=count, charges=count)


async def test_killed_worker_repeats_no_more_than_a_shard(tmp_path: Path) -> None:
    async with mesh_in(tmp_path) as mesh:
        await mesh.workers[1].end(signal.SIGTERM)
        finishing = asyncio.create_task(finish(mesh, await begin(mesh, 1000)))
        await mesh.until_calls(450, finishing)
        await mesh.workers[0].end(signal.SIGKILL)
        await mesh.workers[0].start()
        lines = await finishing

        await check(mesh, lines, 1000)
        assert len(mesh.stage.calls) - 1000 <= SHARD


async def test_kills_lose_no_item_and_charge_none_twice(tmp_path: Path, kill_rounds: int) -> None:
    count = 1000 * kill_rounds
    async with mesh_in(tmp_path) as mesh:
        finishing = asyncio.create_task(finish(mesh, await begin(mesh, count)))
        for _ in range(kill_rounds):
            await mesh.until_calls(200, finishing)
            await mesh.workers[0].end(signal.SIGKILL)
            await mesh.until_calls(200, finishing)
            mesh.nats.kill()
            mesh.nats.start()
            await mesh.until_calls(200, finishing)
            await mesh.gateway.end(signal.SIGKILL)
            await mesh.gateway.start()
            await mesh.workers[0].start()
        lines = await finishing

        await check(mesh, lines, count)
        # A dead worker repeats its shard; a dead NATS may give both workers' out again.
        assert len(mesh.stage.calls) - count <= 3 * SHARD * kill_rounds


async def test_rolling_restart_of_workers_repeats_nothing(tmp_path: Path) -> None:
    async with mesh_in(tmp_path) as mesh:
        finishing = asyncio.create_task(finish(mesh, await begin(mesh, 1000)))
        codes = []
        for worker in mesh.workers:
            await mesh.until_calls(150, finishing)
            codes.append(await worker.end(signal.SIGTERM))
            await worker.start()
        lines = await finishing

        await check(mesh, lines, 1000)
        assert codes == [0, 0]
        assert len(mesh.stage.calls) == 1000


async def test_stream_that_was_lost_is_filled_again(tmp_path: Path) -> None:
    async with mesh_in(tmp_path) as mesh:
        for worker in mesh.workers:
            await worker.end(signal.SIGTERM)
        finishing = asyncio.create_task(finish(mesh, await begin(mesh, 200)))
        mesh.nats.kill()
        mesh.nats.lose_all()
        mesh.nats.start()
        await mesh.workers[0].start()
        lines = await finishing

        await check(mesh, lines, 200)


async def test_bulk_job_delays_no_other_account(tmp_path: Path) -> None:
    """A shard of another account finds a place while one holds its own."""
    files = {f"{number}.gif": IMAGE + WAIT for number in range(200)}
    async with alone(tmp_path) as (gateway, stage):
        await submit(gateway, archive(files))
        await stage.waiting.wait()
        other = await create_key(gateway.settings, account="other")
        accepted = await submit(gateway, images(30), key=other)
        mine = type(gateway)(gateway.url, other, gateway.settings, gateway.http)
        lines = await output(mine, accepted)
        callers = {call.caller for call in stage.calls}
        stage.release.set()

    assert len(lines) == 30
    assert callers == {caller_digest("tests"), caller_digest("other")}
