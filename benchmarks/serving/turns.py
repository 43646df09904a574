"""Contenders that take turns, so that a busy machine slows all of them, and their costs."""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TypeAlias

from benchmarks.processes import Tree, inherited, python, running
from benchmarks.serving.catalogue import Peer
from benchmarks.serving.load import READY_WITHIN_S, Caller, Load, LoadFailed, Slice, calling
from benchmarks.serving.model import Orders
from scripts.ports import free_port

ALL_CORES = frozenset(os.sched_getaffinity(0))
IN_FLIGHT = 32
LAST_WORDS = 1000  # characters of a log that say why a server did not start


Turns: TypeAlias = dict[str, list[Slice]]
"""Slices of each contender, in the order of its turns."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop without a server, of loops.py."""

    name: str
    tree: Tree

    async def turn(self, seconds: float) -> Slice:
        """Work for so many seconds."""
        process = self.tree.process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the loop was started without pipes")
        began_s, began_cpu_s = monotonic(), self.tree.cpu_s
        process.stdin.write(f"{seconds}\n".encode())
        images = int(await process.stdout.readline())
        return Slice(images, monotonic() - began_s, self.tree.cpu_s - began_cpu_s)


@dataclass(frozen=True, slots=True)
class Stage:
    """Orders, image, right answer, and processor cores of all servers and loops of a run."""

    orders: Orders
    image: Path
    expected: bytes
    cores: frozenset[int]

    @asynccontextmanager
    async def serving(self, peer: Peer) -> AsyncIterator[Load]:
        """Run a server and check its answer before and after.

        Raises:
            LoadFailed: It answers wrong or not at all.
        """
        orders = replace(self.orders, port=free_port())
        log = self.image.with_name(f"{peer.name}.log")
        async with (
            started(peer, orders, log=log, cores=self.cores) as tree,
            calling(peer, orders.port) as caller,
        ):
            await until_ready(caller, tree, self.image.read_bytes(), self.expected, log)
            yield Load(peer, orders.port, tree, self.image, IN_FLIGHT)
            await until_ready(caller, tree, self.image.read_bytes(), self.expected, log)

    @asynccontextmanager
    async def looping(self, kind: str) -> AsyncIterator[Loop]:
        """Run a loop of loops.py."""
        command = python("benchmarks.serving.loops", kind, self.image)
        environment = {**inherited(), "OMP_NUM_THREADS": "1", **self.orders.to_environment()}
        async with running(command, environment, cores=self.cores, has_pipes=True) as tree:
            yield Loop(kind, tree)


@asynccontextmanager
async def started(
    peer: Peer, orders: Orders, *, log: Path, cores: frozenset[int] = ALL_CORES
) -> AsyncIterator[Tree]:
    """Run a server with its orders; it need not answer yet."""
    command, environment = peer.start_command(orders.port), peer.start_environment(orders)
    async with running(command, environment, log=log, cores=cores) as tree:
        yield tree


async def until_ready(caller: Caller, tree: Tree, body: bytes, expected: bytes, log: Path) -> None:
    """Wait until a server answers a request.

    Raises:
        LoadFailed: It has ended, or the answer does not come or is wrong.
    """
    answered = asyncio.create_task(
        caller.until_answered(body, expected=expected, limit_s=READY_WITHIN_S)
    )
    ended = asyncio.create_task(tree.process.wait())
    await asyncio.wait((answered, ended), return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if not (answered.done() and answered.result()):
        answered.cancel()
        raise LoadFailed(f"{caller.name} does not answer right: {_last_words(log)}")


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-LAST_WORDS:]


async def take_turns(contenders: Sequence[Load | Loop], *, rounds: int, seconds: float) -> Turns:
    """Return the slices of each, in the order of their turns; a first round warms up."""
    slices: Turns = {one.name: [] for one in contenders}
    for number in range(1 + rounds):
        for one in contenders:
            done = await one.turn(seconds)
            if number:
                slices[one.name].append(done)
    return slices


async def compare(
    stage: Stage,
    loops: Sequence[str],
    ours: Peer,
    peers: Sequence[Peer],
    *,
    rounds: int,
    seconds: float,
) -> AsyncIterator[Turns]:
    """Yield the slices of all loops and ours, then those of the first loop, ours and each peer.

    A peer that answers wrong is left out, with a line that says why.
    """
    async with AsyncExitStack() as stack:
        looping = [await stack.enter_async_context(stage.looping(kind)) for kind in loops]
        own = await stack.enter_async_context(stage.serving(ours))
        yield await take_turns([*looping, own], rounds=rounds, seconds=seconds)
        for peer in peers:
            try:
                async with stage.serving(peer) as served:
                    turns: list[Load | Loop] = [*looping[:1], own, served]
                    slices = await take_turns(turns, rounds=rounds, seconds=seconds)
            except LoadFailed as error:
                print(f"left out: {error}", flush=True)
                continue
            yield slices


def median_ratio(above: Sequence[Slice], below: Sequence[Slice], measure: str = "cpu_ms") -> float:
    """Return the median over the turns of one's "cpu_ms" or "per_second" over the other's."""
    pairs = zip(above, below, strict=True)
    return float(statistics.median(getattr(a, measure) / getattr(b, measure) for a, b in pairs))


COST_HEAD = ("server", "CPU ms a request", "ours : its", "of the bare loop", "requests/s")


def cost_row(name: str, slices: Turns, *, ours: str, bare: str) -> list[object]:
    """Return the row of a contender, medians over its turns.

    The ratios compare CPU time with ours, and throughput with the bare loop where there is one.
    """
    mine = slices[name]
    has_bare = bare in slices and name != bare
    return [
        name,
        statistics.median(one.cpu_ms for one in mine),
        median_ratio(slices[ours], mine),
        median_ratio(mine, slices[bare], "per_second") if has_bare else "",
        statistics.median(one.per_second for one in mine),
    ]
