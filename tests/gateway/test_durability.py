"""Jobs through kill -9, drains and crowds: none lost, each answered once and charged once."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select

from gateway.database.engine import open_database
from gateway.database.tables import JOB_ITEMS, JOBS
from servicekit.callers import caller_digest
from tests.gateway.alone import alone
from tests.gateway.books import Books, books, give
from tests.gateway.nats_server import NatsServer, nats_server
from tests.gateway.origin import IMAGE, listening
from tests.gateway.processes import GatewayProcess, environment_of, started
from tests.gateway.running import create_key, gateway_settings
from tests.gateway.services import serving_all
from tests.gateway.stage import WAIT, Stage
from tests.gateway.test_webhooks import LOOPBACK, SECRET, receiving, until_told
from tests.gateway.uploads import base64, defer, ended

ENOUGH_S = 300  # far beyond what any of these tests takes
ASK_EVERY_S = 0.2
CREDITS = 100_000
GOOD = {"image": base64()}
WAITING = {"image": base64(IMAGE + WAIT)}
BODY = json.dumps({"requests": [{"endpoint": "nudity", **GOOD}] * 3}).encode()


@dataclass(slots=True)
class Mesh:
    """A gateway and two workers, each a process, with NATS and services beside them."""

    gateway: GatewayProcess
    workers: list[GatewayProcess]
    nats: NatsServer
    stage: Stage
    key: str
    database: str
    accepted: int = 0

    async def submit(self, count: int) -> None:
        """Submit so many batches of three; what is not answered or refused is sent again."""
        headers = {"X-API-Key": self.key, "Prefer": "respond-async"}
        headers["Content-Type"] = "application/json"
        async with aiohttp.ClientSession() as http:
            taken = 0
            while taken < count:
                with suppress(aiohttp.ClientError):
                    url = f"{self.gateway.url}/api/v1/batch"
                    async with http.post(url, data=BODY, headers=headers) as reply:
                        taken += reply.status == 202
                        assert reply.status in {202, 503}, await reply.text()
        self.accepted += taken

    async def until_calls(self, count: int, submitting: "asyncio.Task[Any]") -> None:
        """Wait until the services have answered so many items more, or no more are submitted."""
        wanted = len(self.stage.calls) + count
        while len(self.stage.calls) < wanted and not submitting.done():
            await self._wait()

    async def _wait(self) -> None:
        """Wait until the services are called, or for a moment."""
        self.stage.called.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stage.called.wait(), ASK_EVERY_S)

    async def check_all(self) -> None:
        """Wait until no job is left; each item must be answered and charged exactly once."""
        engine = await open_database(self.database)
        left = select(func.count()).select_from(JOBS).where(JOBS.c.status != "succeeded")
        async with engine.connect() as connection:
            while await connection.scalar(left):
                await connection.rollback()
                await self._wait()
            jobs = int(await connection.scalar(select(func.count()).select_from(JOBS)) or 0)
            statuses = [row[0] for row in await connection.execute(select(JOB_ITEMS.c.status))]
        items, rest = 3 * jobs, CREDITS - 3 * jobs
        assert jobs >= self.accepted
        assert statuses == [200] * items
        assert await books(engine) == Books(rest, 0, rest, spent=items, charges=items)
        await engine.dispose()


@asynccontextmanager
async def mesh_in(folder: Path) -> AsyncIterator[Mesh]:
    stage = Stage()
    async with asyncio.timeout(ENOUGH_S), AsyncExitStack() as stack:
        nats = stack.enter_context(nats_server())
        addresses = await stack.enter_async_context(serving_all(stage))
        environment = environment_of(folder, nats, addresses, max_running_jobs=4)
        settings = gateway_settings(folder)
        key = await create_key(settings)
        await give(settings.database_url, CREDITS)
        gateway = GatewayProcess([], {**environment, "GATEWAY_JOB_WORKER": "false"})
        workers = [GatewayProcess(["worker"], environment) for _ in range(2)]
        processes = (started(process) for process in (gateway, *workers))
        await asyncio.gather(*(stack.enter_async_context(one) for one in processes))
        yield Mesh(gateway, workers, nats, stage, key, settings.database_url)


async def test_kills_lose_nothing_and_charge_nothing_twice(
    tmp_path: Path, kill_rounds: int
) -> None:
    async with mesh_in(tmp_path) as mesh:
        for _ in range(kill_rounds):
            submitting = asyncio.create_task(mesh.submit(70))
            await mesh.until_calls(20, submitting)
            await mesh.workers[0].end(signal.SIGKILL)
            await mesh.until_calls(20, submitting)
            mesh.nats.kill()
            mesh.nats.start()
            await mesh.until_calls(20, submitting)
            await mesh.gateway.end(signal.SIGKILL)
            await mesh.gateway.start()
            await mesh.workers[0].start()
            await submitting

        await mesh.check_all()


async def test_rolling_restart_of_workers_fails_nothing(tmp_path: Path) -> None:
    async with mesh_in(tmp_path) as mesh:
        submitting = asyncio.create_task(mesh.submit(100))
        codes = []
        for worker in mesh.workers:
            await mesh.until_calls(10, submitting)
            codes.append(await worker.end(signal.SIGTERM))
            await worker.start()
        await submitting

        await mesh.check_all()
        assert codes == [0, 0]
        assert len(mesh.stage.calls) == 300  # nothing was worked on twice


async def test_many_jobs_of_one_account_delay_no_other(tmp_path: Path) -> None:
    """An account's first job waits for a place, and not for another account's jobs."""
    async with alone(tmp_path, max_running_jobs=2) as (gateway, stage):
        for _ in range(2):
            await defer(gateway, "nudity", WAITING)
        for _ in range(200):
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
