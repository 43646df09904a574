"""The four comparisons: which servers take part, what they are told, what is printed."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.peers.asking import READY_WITHIN_S, calling
from benchmarks.peers.catalogue import OUR_VISION_SERVICE, OURS, Peer
from benchmarks.peers.cost import BARE, Stage, measure
from benchmarks.peers.load import LoadFailed
from benchmarks.peers.model import load_model
from benchmarks.peers.orders import Orders
from benchmarks.peers.probes import STARTS, Finding, Subject
from benchmarks.peers.processes import ALL_CORES, CLIENT_CORES, last_words, started
from benchmarks.peers.report import COST_HEAD, Cost, cost_of, cost_row, table
from benchmarks.peers.waits import Waits, wait_for_answers
from benchmarks.serving import draw_picture
from modelkit.manifest import find_model, load_manifest
from scripts.ports import free_port

IN_FLIGHT = 32
SHARE = 0.8  # of the sleeping model's capacity
ECHO_S, CLASSIFY_S = 1.0, 2.0  # length of a turn
SLEEP_S = 30.0
PROBE_WITHIN_S = 90.0  # a server that is broken already may leave a probe waiting for ever
# How long a framework that waits for fuller batches waits: little where the processor computes,
# more where the model takes its time. Ours does not wait.
WINDOW_S, SLEEP_WINDOW_S = 0.005, 0.050


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for on the command line.

    Attributes:
        peers: Those to compare with.
        cache: The folder of all environments.
        folder: For what only this run needs.
        rounds: Turns of each server.
        seconds: Length of a turn, or of the sleeping model's load, where not the usual.
    """

    peers: list[Peer]
    cache: Path
    folder: Path
    rounds: int
    seconds: float | None


def compare_echo(run: Run) -> list[dict[str, object]]:
    """Measure what a request costs a server whose model computes nothing."""
    return _compare_costs(run, OURS, Orders(free_port(), "echo", WINDOW_S), seconds=ECHO_S)


def compare_classify(run: Run) -> list[dict[str, object]]:
    """Measure what a picture costs the servers and the bare loop."""
    found = find_model(
        load_manifest("vision"), "classify", models_dir=run.folder, profile="embedded"
    )
    orders = Orders(free_port(), "classify", WINDOW_S, str(found.path))
    return _compare_costs(run, OUR_VISION_SERVICE, orders, seconds=CLASSIFY_S)


def compare_waits(run: Run) -> list[dict[str, object]]:
    """Measure what callers wait who come by chance, where requests are joined."""
    found = []
    for peer in [OURS, *(one for one in run.peers if one.joins and not one.is_for_cost)]:
        with _left_out_where_it_fails():
            found.append(asyncio.run(_waits(run, peer)))
            print(" | ".join(_waits_row(found[-1])), flush=True)
    print(table(("server", "p50 ms", "p99 ms", "not answered"), [*map(_waits_row, found)]))
    return [asdict(one) for one in found]


def compare_robustness(run: Run) -> list[dict[str, object]]:
    """Do to every server what breaks servers."""
    results: list[dict[str, object]] = []
    for peer in [OURS, *(one for one in run.peers if not one.is_for_cost)]:
        results += [{"server": peer.name, **asdict(one)} for one in probe_all(run, peer)]
    names = list(dict.fromkeys(str(one["server"]) for one in results))
    probes = list(dict.fromkeys(str(one["probe"]) for one in results))
    saw = {(one["server"], one["probe"]): str(one["saw"]) for one in results}
    rows = [[name, *(saw.get((name, probe), "") for probe in probes)] for name in names]
    print(table(("server", *probes), rows))
    return results


def probe_all(run: Run, peer: Peer) -> list[Finding]:
    """Return what the probes saw of one server, printed as they end; failed ones are left out."""
    found: list[Finding] = []
    for number, _ in enumerate(STARTS):
        with _left_out_where_it_fails():
            asyncio.run(_probe(run, peer, number, found))
    return found


MODES: dict[str, Callable[[Run], list[dict[str, object]]]] = {
    "echo": compare_echo,
    "classify": compare_classify,
    "sleep": compare_waits,
    "robustness": compare_robustness,
}


def _compare_costs(
    run: Run, ours: Peer, orders: Orders, *, seconds: float
) -> list[dict[str, object]]:
    os.sched_setaffinity(0, CLIENT_CORES)
    content = draw_picture()
    (expected,) = (model := load_model(orders)).answer_all([model.prepare(content)])
    picture = run.folder / "picture.jpg"
    picture.write_bytes(content)
    stage = Stage(orders, picture, expected, run.cache, IN_FLIGHT)
    costs: list[Cost] = []
    turns = []
    for slices in measure(
        ours, run.peers, stage, rounds=run.rounds, seconds=run.seconds or seconds
    ):
        bare = slices.get(BARE)
        found = [
            cost_of(name, mine, ours=slices[ours.name], bare=bare) for name, mine in slices.items()
        ]
        for cost in found:
            print(" | ".join(cost_row(cost)), flush=True)
        # Of the bare loop and of ours there is one line for each peer; the first one stands.
        costs += [cost for cost in found if cost.name not in {one.name for one in costs}]
        turns.append({name: [asdict(one) for one in mine] for name, mine in slices.items()})
    print(table(COST_HEAD, [cost_row(cost) for cost in costs]))
    return [{"costs": [asdict(cost) for cost in costs], "turns": turns}]


async def _waits(run: Run, peer: Peer) -> Waits:
    async with _scripted(run, peer, window_s=SLEEP_WINDOW_S) as subject:
        return await wait_for_answers(
            subject.caller, peer.name, share=SHARE, seconds=run.seconds or SLEEP_S
        )


def _waits_row(waits: Waits) -> list[str]:
    others = ", ".join(f"{count} {how}" for how, count in waits.not_answered.items())
    return [waits.name, f"{waits.p50_ms:.0f}", f"{waits.p99_ms:.0f}", others]


async def _probe(run: Run, peer: Peer, number: int, found: list[Finding]) -> None:
    """Run the probes that share the server of one start, and add what they saw."""
    async with _scripted(run, peer, window_s=WINDOW_S) as subject:
        for probe in STARTS[number]:
            try:
                finding = await asyncio.wait_for(probe(subject), PROBE_WITHIN_S)
            except TimeoutError as error:
                raise LoadFailed(f"{peer.name} never came to the end of a probe") from error
            print(f"{peer.name:16} {finding.probe:10} {finding.saw}", flush=True)
            found.append(finding)


@contextmanager
def _left_out_where_it_fails() -> Iterator[None]:
    try:
        yield
    except LoadFailed as error:
        print(f"left out: {error}", flush=True)


@asynccontextmanager
async def _scripted(run: Run, peer: Peer, *, window_s: float) -> AsyncIterator[Subject]:
    """Start a server with the scripted model, wait until it answers, and stop it."""
    port = free_port()
    executed = run.folder / f"{peer.name}.executed"
    executed.unlink(missing_ok=True)
    orders = Orders(port, "scripted", window_s, executed=str(executed))
    log = run.folder / f"{peer.name}.log"
    with started(peer, orders, cache=run.cache, log=log, cores=ALL_CORES) as tree:
        async with calling(peer, port) as caller:
            ready = b"say ready"
            if not await caller.until_answered(ready, expected=ready, limit_s=READY_WITHIN_S):
                raise LoadFailed(f"{peer.name} does not answer right: {last_words(log)}")
            yield Subject(caller, tree, executed)
