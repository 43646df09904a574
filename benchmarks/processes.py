"""Start what is measured as processes of their own, and stop them."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from scripts.ports import free_port
from servicekit.client import open_channel

READY_WITHIN_S = 120.0
KIB_IN_MIB = 1024
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def running(
    module: str,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    cores: Collection[int] = (),
    stdin: int | None = None,
    stdout: int = DEVNULL,
) -> AsyncIterator[Process]:
    """Run a module with Python, and ask it to stop at the end.

    Args:
        module: What `python -m` runs.
        arguments: What it is given.
        settings: Variables beside those of this process.
        cores: What it is bound to; without any it may run on all.
        stdin: As in `subprocess`.
        stdout: As in `subprocess`.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env={**os.environ, **(settings or {})},  # noqa: TID251 - the process needs the machine's
        stdin=stdin,
        stdout=stdout,
    )
    if cores:
        os.sched_setaffinity(process.pid, cores)
    async with stopped_at_end(process):
        yield process


@asynccontextmanager
async def stopped_at_end(process: Process) -> AsyncIterator[None]:
    """Ask a process to stop when the context is left, and wait until it has."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def serving(
    name: str, *, port: int = 0, cores: Collection[int] = (), **settings: int | str
) -> AsyncIterator[tuple[grpc.aio.Channel, Process]]:
    """Run a service of the mesh; yield a channel to it once it serves, and its process.

    Args:
        name: "colorize", "ocr" or "vision".
        port: Where it listens; 0 takes any that is free.
        cores: What it is bound to; without any it may run on all.
        settings: Of the service, as its settings class names them.
    """
    port = port or free_port()
    told = {"port": port, "metrics_port": 0, **settings}
    variables = {f"{name}_{key}".upper(): str(value) for key, value in told.items()}
    async with (
        running(name, settings=variables, cores=cores) as process,
        open_channel(f"127.0.0.1:{port}") as channel,
    ):
        await asyncio.wait_for(_until_serving(channel), READY_WITHIN_S)
        yield channel, process


async def _until_serving(channel: grpc.aio.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
    async for answer in health.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True):
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return


def cpu_seconds(process: Process) -> float:
    """Return the CPU time of a process and its threads so far; see proc_pid_stat(5)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / TICKS_PER_S


def memory_mib(process: Process, field: str) -> float:
    """Return a figure of proc_pid_status(5), such as "VmRSS" or "VmHWM", in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError("the process ended before its memory was read")
    return int(found[1]) / KIB_IN_MIB
