"""What a request costs a server: CPU time of all its processes, in turns with ours."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from benchmarks.peers.asking import READY_WITHIN_S, calling
from benchmarks.peers.catalogue import Peer
from benchmarks.peers.load import LoadFailed
from benchmarks.peers.orders import Orders, to_environment
from benchmarks.peers.processes import Tree, last_words, running, started
from benchmarks.serving import Load, Slice
from scripts.ports import free_port

BARE = "bare loop"


class Contender(Protocol):
    """Who takes turns."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    def turn(self, seconds: float) -> Slice:
        """Work for about so many seconds and return what that took."""
        ...


@dataclass(frozen=True, slots=True)
class BareLoop:
    """The model and nothing else."""

    tree: Tree
    name: str = BARE

    def turn(self, seconds: float) -> Slice:
        """Answer pictures for so many seconds."""
        process = self.tree.process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the loop was started without pipes")
        began_s, began_cpu_s = monotonic(), self.tree.cpu_s
        process.stdin.write(f"{seconds}\n".encode())
        process.stdin.flush()
        pictures = int(process.stdout.readline())
        return Slice(pictures, monotonic() - began_s, self.tree.cpu_s - began_cpu_s)


@dataclass(frozen=True, slots=True)
class Stage:
    """What all measurements of a run share.

    Attributes:
        orders: What servers are told, but for the port.
        picture: The file that is sent.
        expected: What the answer to it must hold.
        cache: The folder of all environments.
        in_flight: Requests at once.
    """

    orders: Orders
    picture: Path
    expected: bytes
    cache: Path
    in_flight: int

    def told(self, port: int) -> Orders:
        """Return the orders of a server on a port."""
        one = self.orders
        return Orders(port, one.model, one.window_s, one.weights, one.executed)


def take_turns(
    contenders: list[Contender], *, rounds: int, seconds: float
) -> dict[str, list[Slice]]:
    """Return the slices of each, in the order of their turns; a first round warms up."""
    slices: dict[str, list[Slice]] = {one.name: [] for one in contenders}
    for number in range(1 + rounds):
        for one in contenders:
            done = one.turn(seconds)
            if number:
                slices[one.name].append(done)
    return slices


@contextmanager
def serving(peer: Peer, stage: Stage) -> Iterator[Load]:
    """Start a server, see that it answers right, before and after, and stop it.

    Raises:
        LoadFailed: It does not.
    """
    port = free_port()
    log = stage.picture.with_name(f"{peer.name}.log")
    with started(peer, stage.told(port), cache=stage.cache, log=log) as tree:
        asyncio.run(_check(peer, port, stage, log))
        yield Load(peer, port, lambda: tree.cpu_s, stage.picture, stage.in_flight)
        asyncio.run(_check(peer, port, stage, log))


@contextmanager
def looping(stage: Stage) -> Iterator[BareLoop]:
    """Start the bare loop and stop it."""
    command = [sys.executable, "-m", "benchmarks.peers.bare", str(stage.picture)]
    with running(command, to_environment(stage.orders), stdio=subprocess.PIPE) as tree:
        yield BareLoop(tree)


async def _check(peer: Peer, port: int, stage: Stage, log: Path) -> None:
    async with calling(peer, port) as caller:
        picture = stage.picture.read_bytes()
        if not await caller.until_answered(
            picture, expected=stage.expected, limit_s=READY_WITHIN_S
        ):
            raise LoadFailed(f"{peer.name} does not answer right: {last_words(log)}")


def measure(
    ours: Peer, peers: list[Peer], stage: Stage, *, rounds: int, seconds: float
) -> Iterator[dict[str, list[Slice]]]:
    """Yield for each peer the slices of the bare loop, where there is one, ours and its own."""
    with ExitStack() as stack:
        always: list[Contender] = []
        if stage.orders.model == "classify":
            always.append(stack.enter_context(looping(stage)))
        always.append(stack.enter_context(serving(ours, stage)))
        for peer in peers:
            try:
                with serving(peer, stage) as served:
                    slices = take_turns([*always, served], rounds=rounds, seconds=seconds)
            except LoadFailed as error:
                print(f"left out: {error}", flush=True)
                continue
            yield slices
