"""Jobs through kill -9, drains and crowds: none lost, each answered once and charged once."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from servicekit.callers import caller_digest
from tests.gateway.alone import alone
from tests.gateway.origin import IMAGE, listening
from tests.gateway.processes import JobProcesses
from tests.gateway.running import create_key
from tests.gateway.stage import WAIT
from tests.gateway.test_webhooks import LOOPBACK, SECRET, receiving, until_told
from tests.gateway.uploads import base64, defer, ended

GOOD = {"image": base64()}
WAITING = {"image": base64(IMAGE + WAIT)}


async def test_kills_lose_nothing_and_charge_nothing_twice(
    processes: JobProcesses, kill_rounds: int
) -> None:
    for _ in range(kill_rounds):
        submitting = asyncio.create_task(processes.submit(70))
        await processes.until_calls(20, submitting)
        await processes.workers[0].end(signal.SIGKILL)
        await processes.until_calls(20, submitting)
        processes.nats.kill()
        processes.nats.start()
        await processes.until_calls(20, submitting)
        await processes.gateway.end(signal.SIGKILL)
        await processes.gateway.start()
        await processes.workers[0].start()
        await submitting

    await processes.check_all()


async def test_rolling_restart_of_workers_fails_nothing(processes: JobProcesses) -> None:
    submitting = asyncio.create_task(processes.submit(60))
    codes = []
    for worker in processes.workers:
        await processes.until_calls(10, submitting)
        codes.append(await worker.end(signal.SIGTERM))
        await worker.start()
    await submitting

    await processes.check_all()
    assert codes == [0, 0]
    assert len(processes.stage.calls) == 180  # nothing was worked on twice


async def test_many_jobs_of_one_account_delay_no_other(tmp_path: Path) -> None:
    """An account's first job waits for a place, and not for another account's jobs."""
    async with alone(tmp_path, max_running_jobs=2) as (gateway, stage):
        for _ in range(2):
            await defer(gateway, "nudity", WAITING)
        for _ in range(60):
            await defer(gateway, "nudity", GOOD)
        other = await create_key(gateway.settings, account="other")
        headers = {"X-API-Key": other, "Prefer": "respond-async"}
        headers["Content-Type"] = "application/json"
        body = json.dumps(GOOD).encode()
        await gateway.send("POST", "/api/v1/nudity", body=body, headers=headers)
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
