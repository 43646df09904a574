"""Servers as trees of processes, on one core, with the CPU time of all of them."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environments import python_of
from benchmarks.peers.orders import Orders, to_environment

ROOT = Path(__file__).parents[2]
SERVER_CORE = min(os.sched_getaffinity(0))
ALL_CORES = os.sched_getaffinity(0)
CLIENT_CORES = ALL_CORES - {SERVER_CORE} or {SERVER_CORE}
STOPS_WITHIN_S = 10.0
LAST_WORDS = 1000  # characters of a log that say why a server did not start
_MARK = "PEER_MARK"

# For every server alike, as this process was told: README.md has what helps most.
MALLOC = {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")}  # noqa: TID251
# What the shared model is imported from; the project's own environment has it installed.
_SOURCES = (".", "libs/servicekit/src", "libs/modelkit/src", "services/vision/src")


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all that it started, known by a mark in their environment."""

    process: subprocess.Popen[bytes]
    mark: str

    @property
    def cpu_s(self) -> float:
        """CPU time of all threads of all processes so far, user and system."""
        total = 0.0
        for pid in self.pids():
            with suppress(OSError):  # it has just ended
                total += time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it
        return total

    def pids(self) -> list[int]:
        """Return the processes of the tree."""
        mark = f"{_MARK}={self.mark}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or is another user's
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found


@contextmanager
def started(
    peer: Peer, orders: Orders, *, cache: Path, log: Path, cores: Iterable[int] = (SERVER_CORE,)
) -> Iterator[Tree]:
    """Start a peer's server, and end whatever is left of it.

    Args:
        peer: Which.
        orders: What it is told.
        cache: The folder of all environments.
        log: File for what it prints.
        cores: Those that it may use.
    """
    arguments = [one.format(port=orders.port) for one in peer.arguments]
    command = [str(python_of(peer, cache)), *arguments]
    variables = {name: one.format(port=orders.port) for name, one in peer.variables.items()}
    with running(command, {**to_environment(orders), **variables}, log=log) as tree:
        os.sched_setaffinity(tree.process.pid, cores)
        yield tree


@contextmanager
def running(
    command: list[str],
    variables: dict[str, str],
    *,
    log: Path | None = None,
    stdio: int | None = None,
) -> Iterator[Tree]:
    """Run a command on the servers' core, with the environment of all servers."""
    mark = uuid.uuid4().hex
    inherited = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}  # noqa: TID251
    folder = str(Path(command[0]).parent)
    environment = {
        **inherited,
        **MALLOC,
        "OMP_NUM_THREADS": "1",
        "PATH": f"{folder}:{os.defpath}",
        "PYTHONPATH": ":".join(str(ROOT / source) for source in _SOURCES),
        _MARK: mark,
        **variables,
    }
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - what the catalogue names
            command,
            cwd=ROOT,
            env=environment,
            stdin=stdio or subprocess.DEVNULL,
            stdout=stdio or output,
            stderr=output,
            start_new_session=True,
        )
    os.sched_setaffinity(process.pid, {SERVER_CORE})
    tree = Tree(process, mark)
    try:
        yield tree
    finally:
        _end(tree)


def last_words(log: Path) -> str:
    """Return the end of what a server printed."""
    return log.read_text(errors="replace")[-LAST_WORDS:]


def _end(tree: Tree) -> None:
    """Ask the tree to stop, then insist."""
    if tree.process.poll() is None:
        tree.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            tree.process.wait(STOPS_WITHIN_S)
    for pid in tree.pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    tree.process.wait()
