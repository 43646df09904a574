"""Jobs and bulk jobs through kill -9, drains and crowds: each item answered and charged once."""

import asyncio
import io
import json
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from servicekit.callers import caller_digest
from tests.gateway.bulks import archive, images, output, submit
from tests.gateway.origin import IMAGE, listening
from tests.gateway.processes import ENOUGH_S, JobProcesses
from tests.gateway.running import alone, create_key
from tests.gateway.stage import WAIT
from tests.gateway.test_webhooks import LOOPBACK, SECRET, receiving, until_told
from tests.gateway.uploads import base64, defer, ended

GOOD = {"image": base64()}
WAITING = {"image": base64(IMAGE + WAIT)}


async def test_many_jobs_of_one_account_delay_no_other(tmp_path: Path) -> None:
    """An account's first job waits for a place, and not for another account's jobs."""
    async with alone(tmp_path, max_running_jobs=2) as (gateway, stage):
        for _ in range(2):
            await defer(gateway, "nudity", WAITING)
        for _ in range(60):
            await defer(gateway, "nudity", GOOD)
        other = await create_key(gateway.settings, account="other")
        await defer(replace(gateway, key=other), "nudity", GOOD)
        await stage.waiting.wait()
        before = len(stage.calls)
        stage.release.set()
        caller = caller_digest("other")
        while caller not in (callers := [call.caller for call in stage.calls]):
            await gateway.get("/healthz")

    assert callers.index(caller) - before <= 2


async def test_receiver_that_hangs_delays_no_other(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"webhook_secret": SECRET, "webhook_allow": LOOPBACK}
    held = asyncio.Event()

    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await held.wait()

    async with (
        alone(tmp_path, **settings) as (gateway, _),
        listening(hang) as hanging,
        receiving(200) as receiver,
    ):
        stuck = [
            await defer(gateway, "nudity", {**GOOD, "webhook": hanging.url()}) for _ in range(20)
        ]
        for job in stuck:
            await ended(gateway, job)
        hook = {"webhook": receiver.origin.url()}
        accepted = await defer(gateway, "nudity", {**GOOD, **hook})
        told = await until_told(gateway, accepted.headers["Location"])
        waiting = (await gateway.get(stuck[-1].headers["Location"])).json["result"]["webhook"]
        connections = await hanging.count_connections()
        held.set()

    assert told["webhook"]["status"] == "delivered"
    assert waiting == {"status": "pending", "attempts": 0}
    assert connections <= 4


SHARD = 100
BATCHES, IMAGES = 30, 400  # of three jobs, and of a bulk job


async def begin(processes: JobProcesses, count: int) -> str:
    """Submit a bulk job of so many images and return its path."""
    form = aiohttp.FormData()
    form.add_field("endpoint", "nudity")
    form.add_field("archive", io.BytesIO(images(count)), filename="images.zip")
    url = f"{processes.gateway.url}/api/v1/bulk"
    async with (
        aiohttp.ClientSession(headers={"X-API-Key": processes.key}) as http,
        http.post(url, data=form) as reply,
    ):
        assert reply.status == 202, await reply.text()
        return str((await reply.json())["result"]["url"])


async def finish(processes: JobProcesses, path: str) -> list[Any]:
    """Return the lines of the output, when there is one."""
    async with (
        asyncio.timeout(ENOUGH_S),
        aiohttp.ClientSession(headers={"X-API-Key": processes.key}) as http,
    ):
        while True:
            with suppress(aiohttp.ClientError):
                async with http.get(f"{processes.gateway.url}{path}/events") as events:
                    await events.read()
                async with http.get(f"{processes.gateway.url}{path}/output") as reply:
                    if reply.status == 200:
                        return [json.loads(line) async for line in reply.content]


def check(lines: list[Any], count: int) -> None:
    """Check that each item of a bulk job was answered."""
    assert [(line["number"], line["status"]) for line in lines] == [
        (number, 200) for number in range(count)
    ]


async def test_killed_worker_repeats_no_more_than_a_shard(processes: JobProcesses) -> None:
    await processes.workers[1].end(signal.SIGTERM)
    finishing = asyncio.create_task(finish(processes, await begin(processes, 600)))
    await processes.until_calls(250, finishing)
    await processes.workers[0].end(signal.SIGKILL)
    await processes.workers[0].start()

    check(await finishing, 600)
    await processes.check_books(600)
    assert len(processes.stage.calls) - 600 <= SHARD


def working(processes: JobProcesses, bulk: str) -> "asyncio.Future[tuple[None, list[Any]]]":
    """Return what ends with the lines of a bulk job, when jobs were submitted beside it."""
    return asyncio.gather(processes.submit(BATCHES), finish(processes, bulk))


async def test_kills_lose_nothing_and_charge_nothing_twice(
    processes: JobProcesses, kill_rounds: int
) -> None:
    for _ in range(kill_rounds):
        work = working(processes, await begin(processes, IMAGES))
        await processes.kill_each(work, calls=60)
        _, lines = await work
        check(lines, IMAGES)

    await processes.check_all(bulk_items=IMAGES * kill_rounds)


async def test_rolling_restart_of_workers_fails_and_repeats_nothing(
    processes: JobProcesses,
) -> None:
    work = working(processes, await begin(processes, IMAGES))
    codes = await processes.restart_workers(work, calls=60)
    _, lines = await work

    check(lines, IMAGES)
    await processes.check_all(bulk_items=IMAGES)
    assert codes == [0, 0]
    assert len(processes.stage.calls) == 3 * BATCHES + IMAGES


async def test_stream_that_was_lost_is_filled_again(processes: JobProcesses) -> None:
    for worker in processes.workers:
        await worker.end(signal.SIGTERM)
    finishing = asyncio.create_task(finish(processes, await begin(processes, 100)))
    processes.nats.kill()
    processes.nats.lose_all()
    processes.nats.start()
    await processes.workers[0].start()

    check(await finishing, 100)
    await processes.check_books(100)


async def test_bulk_job_delays_no_other_account(tmp_path: Path) -> None:
    """A shard of another account finds a place while one holds its own."""
    files = {f"{number}.gif": IMAGE + WAIT for number in range(200)}
    async with alone(tmp_path) as (gateway, stage):
        await submit(gateway, archive(files))
        await stage.waiting.wait()
        other = await create_key(gateway.settings, account="other")
        accepted = await submit(gateway, images(30), key=other)
        lines = await output(replace(gateway, key=other), accepted)
        callers = {call.caller for call in stage.calls}
        stage.release.set()

    assert len(lines) == 30
    assert callers == {caller_digest("tests"), caller_digest("other")}
