"""Gateways and workers as real processes, which a test kills and starts again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.ports import free_port
from tests.gateway.fleet import answers
from tests.gateway.nats_server import NatsServer, prefix_of
from tests.gateway.running import database_url

_ENOUGH_S = 60  # far beyond the start of a Python on a busy machine


@dataclass(slots=True)
class GatewayProcess:
    """A process of the gateway: its server, or a worker.

    Attributes:
        roles: arguments of `python -m gateway`.
        environment: its variables.
        port: where it listens.
    """

    roles: list[str]
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
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
            await answers(self.url, self._process)

    async def end(self, number: signal.Signals) -> int | None:
        """Send it a signal and return its exit code."""
        if self._process is None or self._process.returncode is not None:
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


def environment_of(
    folder: Path, nats: NatsServer, addresses: Mapping[str, str], **settings: object
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
