"""Gateways and workers as real processes, which a test kills and starts again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import aiohttp
from sqlalchemy import func, select

from gateway.database.engine import open_database
from gateway.database.tables import JOB_ITEMS, JOBS
from gateway.settings import GatewaySettings
from scripts.ports import free_port
from tests.gateway.running import Books, books, create_key, database_url, gateway_settings, give
from tests.gateway.servers import Server, nats_server, prefix_of
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage
from tests.gateway.uploads import base64

ENOUGH_S = 300  # far beyond what any test of these processes takes
CREDITS = 100_000
_ENOUGH_S = 60  # far beyond the start of a Python on a busy machine
_ASK_EVERY_S = 0.1
_BATCH = {"requests": [{"endpoint": "nudity", "image": base64()}] * 3}


@dataclass(slots=True)
class GatewayProcess:
    """A process of the gateway: its server, or a worker."""

    roles: list[str]  # arguments of `python -m gateway`
    environment: Mapping[str, str]  # its variables
    port: int = field(default_factory=free_port)  # where it listens
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Base of its URLs."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *self.roles),
            env={**self.environment, "GATEWAY_PORT": str(self.port)},
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(_ENOUGH_S):
            await _answers(self.url, self._process)

    @property
    def has_ended(self) -> bool:
        """Whether it does not run."""
        return self._process is None or self._process.returncode is not None

    async def end(self, number: signal.Signals) -> int | None:
        """Send it a signal and return its exit code."""
        if self._process is None or self.has_ended:
            return None
        self._process.send_signal(number)
        return await self._process.wait()


@asynccontextmanager
async def started(process: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """Start a process, and kill it at the end."""
    await process.start()
    try:
        yield process
    finally:
        await process.end(signal.SIGKILL)


async def _answers(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until a gateway answers, or has ended and never will."""
    async with aiohttp.ClientSession() as http:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with http.get(f"{url}/healthz"):
                    return
            with suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), _ASK_EVERY_S)
                raise RuntimeError(f"the gateway ended with {code}")


@asynccontextmanager
async def fleet(count: int, environment: Mapping[str, str]) -> AsyncIterator[list[GatewayProcess]]:
    """Run gateways that answer when yielded; what is left of them is killed at the end."""
    members = [GatewayProcess([], environment) for _ in range(count)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(started(one)) for one in members))
        yield members


def environment_of(
    folder: Path, nats: Server, addresses: Mapping[str, str], **settings: object
) -> dict[str, str]:
    """Return the variables of processes that share a database, a store and a stream."""
    given = {
        "database_url": database_url(folder),
        "results_dir": folder / "results",
        "nats_url": nats.url,
        "nats_prefix": prefix_of(folder),
        "job_ack_wait_s": 1,
        "job_retry_s": 0.1,
        "log_level": "error",
        "rate_limit": "",
        **addresses,
        **settings,
    }
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(sys.path),
        **{f"GATEWAY_{name.upper()}": str(value) for name, value in given.items()},
    }


@dataclass(slots=True)
class JobProcesses:
    """A gateway and two workers, each a process, with NATS and services beside them."""

    gateway: GatewayProcess
    workers: list[GatewayProcess]
    nats: Server
    stage: Stage
    settings: GatewaySettings
    account: str = ""
    key: str = ""
    accepted: int = 0

    async def restore(self) -> None:
        """Start what an earlier test has ended, and begin with a new account."""
        for process in (self.gateway, *self.workers):
            if process.has_ended:
                await process.start()
        self.stage.calls.clear()
        self.accepted, self.account = 0, token_hex(8)
        self.key = await create_key(self.settings, account=self.account)
        await give(self.settings.database_url, CREDITS, self.account)

    async def kill_each(self, working: "asyncio.Future[Any]", *, calls: int) -> None:
        """Kill a worker, NATS and the gateway, each after so many calls, and start them again."""
        await self.until_calls(calls, working)
        await self.workers[0].end(signal.SIGKILL)
        await self.until_calls(calls, working)
        self.nats.kill()
        self.nats.start()
        await self.until_calls(calls, working)
        await self.gateway.end(signal.SIGKILL)
        await self.gateway.start()
        await self.workers[0].start()

    async def restart_workers(
        self, working: "asyncio.Future[Any]", *, calls: int
    ) -> list[int | None]:
        """Restart each worker after so many calls, and return their exit codes."""
        codes = []
        for worker in self.workers:
            await self.until_calls(calls, working)
            codes.append(await worker.end(signal.SIGTERM))
            await worker.start()
        return codes

    async def submit(self, count: int) -> None:
        """Submit so many batches of three; what is not answered or refused is sent again."""
        headers = {"X-API-Key": self.key, "Prefer": "respond-async"}
        async with aiohttp.ClientSession() as http:
            taken = 0
            while taken < count:
                with suppress(aiohttp.ClientError):
                    url = f"{self.gateway.url}/api/v1/batch"
                    async with http.post(url, json=_BATCH, headers=headers) as reply:
                        taken += reply.status == 202
                        assert reply.status in {202, 503}, await reply.text()
        self.accepted += taken

    async def until_calls(self, count: int, submitting: "asyncio.Future[Any]") -> None:
        """Wait until the services have answered so many items more, or no more are submitted."""
        wanted = len(self.stage.calls) + count
        while len(self.stage.calls) < wanted and not submitting.done():
            await self._wait()

    async def _wait(self) -> None:
        """Wait until the services are called, or for a moment."""
        self.stage.called.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stage.called.wait(), _ASK_EVERY_S)

    async def check_all(self, *, bulk_items: int = 0) -> None:
        """Wait until no job is left; each item must be answered and charged exactly once."""
        engine = await open_database(self.settings.database_url)
        mine = select(func.count()).select_from(JOBS).where(JOBS.c.account == self.account)
        items = select(JOB_ITEMS.c.status).where(JOB_ITEMS.c.account == self.account)
        async with asyncio.timeout(ENOUGH_S), engine.connect() as connection:
            while await connection.scalar(mine.where(JOBS.c.status != "succeeded")):
                await connection.rollback()
                await self._wait()
            jobs = int(await connection.scalar(mine) or 0)
            statuses = [row[0] for row in await connection.execute(items)]
        assert jobs >= self.accepted
        assert statuses == [200] * 3 * jobs
        await self.check_books(3 * jobs + bulk_items)
        await engine.dispose()

    async def check_books(self, paid: int) -> None:
        """Check that so many items were charged, each once."""
        found = await books(self.settings.database_url, self.account)
        left = CREDITS - paid
        assert found == Books(left, 0, left, spent=paid, charges=paid)


@asynccontextmanager
async def job_processes(folder: Path) -> AsyncIterator[JobProcesses]:
    """Run them on a database of their own."""
    stage = Stage()
    async with AsyncExitStack() as stack:
        nats = stack.enter_context(nats_server())
        addresses = await stack.enter_async_context(serving_all(stage))
        environment = environment_of(folder, nats, addresses, max_running_jobs=4)
        gateway = GatewayProcess([], {**environment, "GATEWAY_JOB_WORKER": "false"})
        workers = [GatewayProcess(["worker"], environment) for _ in range(2)]
        processes = (started(process) for process in (gateway, *workers))
        await asyncio.gather(*(stack.enter_async_context(one) for one in processes))
        yield JobProcesses(gateway, workers, nats, stage, gateway_settings(folder))
