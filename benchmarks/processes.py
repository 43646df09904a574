"""Processes that are measured: start, stop, CPU time and memory."""

import asyncio
import os
import re
import signal
import sys
import time
import uuid
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from scripts.ports import free_port
from servicekit.client import open_channel

READY_WITHIN_S = 120.0
STOPS_WITHIN_S = 60.0
_KIB_IN_MIB = 1024
_MARK = "BENCHMARK_MARK"


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all its descendants, found by a mark in their environment."""

    process: Process
    mark: str

    @property
    def cpu_s(self) -> float:
        """CPU time of all processes so far, user and system."""
        total = 0.0
        for pid in self.pids():
            with suppress(OSError):  # it has just ended
                total += cpu_seconds(pid)
        return total

    def pids(self) -> list[int]:
        """Return the processes that run."""
        mark = f"{_MARK}={self.mark}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or is another user's
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found


async def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    log: Path = Path(os.devnull),
    cores: Collection[int] = (),
    has_pipes: bool = False,
) -> Process:
    """Start a process with all of its variables, bound to cores if any are named.

    Its output goes to the log, or its standard input and output are pipes.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=PIPE if has_pipes else DEVNULL,
            stdout=PIPE if has_pipes else output,
            stderr=output if log != Path(os.devnull) else None,
        )
    if cores:
        os.sched_setaffinity(process.pid, cores)
    return process


@asynccontextmanager
async def running(
    command: Sequence[str], environment: Mapping[str, str], **options: Any
) -> AsyncIterator[Tree]:
    """Run a process as `start` does, with its options; stop the whole tree at the end."""
    mark = uuid.uuid4().hex
    process = await start(command, {**environment, _MARK: mark}, **options)
    tree = Tree(process, mark)
    try:
        yield tree
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOPS_WITHIN_S)
        for pid in tree.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await process.wait()


def inherited() -> dict[str, str]:
    """Return the environment of this process."""
    return dict(os.environ)  # noqa: TID251 - a service needs the machine's environment


def bare_environment() -> dict[str, str]:
    """Return only the paths of this process's environment, none of its settings."""
    paths = {"PATH": os.defpath, "PYTHONPATH": inherited().get("PYTHONPATH", "")}
    return {name: value for name, value in paths.items() if value}


def python(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]


@asynccontextmanager
async def serving(
    name: str, settings: Mapping[str, object] | None = None, *, cores: Collection[int] = ()
) -> AsyncIterator[tuple[grpc.aio.Channel, Process]]:
    """Run a service until it serves; yield a channel to it and its process.

    Args:
        name: "colorize", "ocr" or "vision".
        settings: Settings of the service, as its settings class names them.
        cores: Processor cores that it may use; all without any.
    """
    port = free_port()
    told = {"port": port, "metrics_port": 0, **(settings or {})}
    variables = {f"{name}_{key}".upper(): str(value) for key, value in told.items()}
    async with (
        running(python(name), {**inherited(), **variables}, cores=cores) as tree,
        open_channel(f"127.0.0.1:{port}") as channel,
    ):
        await asyncio.wait_for(_until_serving(channel), READY_WITHIN_S)
        yield channel, tree.process


async def _until_serving(channel: grpc.aio.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
    async for answer in health.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True):
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its threads so far, user and system."""
    return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it


def memory_mib(process: Process, field: str) -> float:
    """Return a field of proc_pid_status(5), such as "VmRSS" or "VmHWM", in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError("the process ended before its memory was read")
    return int(found[1]) / _KIB_IN_MIB
