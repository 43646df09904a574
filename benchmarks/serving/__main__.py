"""Compare our server with other model servers around the same model: python -m benchmarks.serving.

    python -m benchmarks.serving setup [--peers A,B]
    python -m benchmarks.serving classify|echo|sleep|robustness [--peers A,B]

`setup` makes an environment for each peer, 0.4 GB each. The others print a table:

    classify    the classifier of the vision service: how near a server comes to a bare loop; exits
                with 1 where ours misses a bar
    echo        a model that computes nothing, an image of 100 KB: the cost of the server itself
    sleep       a model of 60 ms and 5 ms an item, random arrivals: how long callers wait
    robustness  poison, cancels, overload, death, hanging and SIGTERM: the fate of requests; exits
                with 1 where ours is not as it must be

In the first two, servers run on one core and the client on the others. `--peers ""` measures ours
alone.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from cyclopts import App, Parameter

from benchmarks.images import draw_small_photo
from benchmarks.reports import report
from benchmarks.serving.catalogue import CACHE, Peer, make_environment, read_catalogue
from benchmarks.serving.load import LoadFailed, calling
from benchmarks.serving.loops import Kind
from benchmarks.serving.model import Orders, load_model
from benchmarks.serving.probes import GOOD, STARTS, Figures, Probe, Subject, wait_for_answers
from benchmarks.serving.turns import (
    ALL_CORES,
    COST_HEAD,
    Stage,
    Turns,
    compare,
    cost_row,
    median_ratio,
    started,
    until_ready,
)
from modelkit.manifest import find_model, load_manifest
from scripts.ports import free_port

SHARE = 0.8  # of the sleeping model's capacity
PROBE_WITHIN_S = 90.0  # a server that is broken already may never answer a probe
# Window of the frameworks that wait for fuller batches: short where the processor computes, longer
# where the model takes its time. Ours does not wait.
WINDOW_S, SLEEP_WINDOW_S = 0.005, 0.050
LEAST = 0.97
MOST_CPU = {Kind.GRAPH: 1.2, Kind.TORCH: 0.4}  # of an image

app = App(help=__doc__)
Peers = Annotated[str, Parameter(help="names with commas between")]
PEERS = "mosec,litserve,bentoml"
Rounds = Annotated[int, Parameter(help="turns of each server")]
Seconds = Annotated[float, Parameter(help="length of a turn")]


@app.command
def setup(peers: Peers = PEERS) -> None:
    """Make the environments of the peers."""
    for name in sorted({one.environment for one in _chosen(peers)}):
        print(f"{name} ...", flush=True)
        make_environment(name)


@app.command
def classify(
    *,
    peers: Peers = PEERS,
    rounds: Rounds = 10,
    seconds: Seconds = 2.0,
) -> None:
    """Compare the cost of classifying an image; the peers take one at a time."""
    ours, chosen = read_catalogue()["vision"], _chosen(peers)
    orders = Orders(0, "classify", batch=1, graph=str(_graph()))
    found = _compare(ours, chosen, orders, [*Kind], rounds=rounds, seconds=seconds)
    bars = _bars(found, ours.name)
    for name, (value, is_held) in bars.items():
        print(f"{name}: {value:.3f}, {'held' if is_held else 'MISSED'}")
    sys.exit(not all(is_held for _, is_held in bars.values()))


@app.command
def echo(peers: Peers = PEERS, rounds: Rounds = 10, seconds: Seconds = 1.0) -> None:
    """Compare the cost of a request to a model that computes nothing."""
    ours, chosen = read_catalogue()["imagemesh"], _chosen(peers)
    orders = Orders(0, "echo", window_s=WINDOW_S)
    _compare(ours, chosen, orders, [], rounds=rounds, seconds=seconds)


@app.command
def sleep(peers: Peers = PEERS, seconds: Seconds = 30.0) -> None:
    """Compare the waits of callers where requests are batched."""
    ours, chosen = read_catalogue()["imagemesh"], _chosen(peers)
    rows: list[list[object]] = []

    async def wait(subject: Subject) -> None:
        waits = await wait_for_answers(subject.caller, share=SHARE, seconds=seconds)
        rows.append([subject.caller.name, *waits])

    for peer in [ours, *chosen]:
        _with_scripted(peer, wait, window_s=SLEEP_WINDOW_S)
    report(("server", "p50 ms", "p99 ms", "ends"), rows)


@app.command
def robustness(peers: Peers = PEERS) -> None:
    """Probe every server with the faults that break servers."""
    ours, chosen = read_catalogue()["imagemesh"], _chosen(peers)
    found: dict[str, dict[str, Figures]] = {one.name: {} for one in [ours, *chosen]}

    async def run(probes: Sequence[Probe], subject: Subject) -> None:
        name = subject.caller.name
        for probe in probes:
            try:
                figures = await asyncio.wait_for(probe(subject), PROBE_WITHIN_S)
            except TimeoutError as error:
                raise LoadFailed(f"{name} never came to the end of a probe") from error
            print(name, probe.__name__, _shown(figures), flush=True)
            found[name][probe.__name__] = figures

    for peer in [ours, *chosen]:
        for probes in STARTS:
            _with_scripted(peer, partial(run, probes), window_s=WINDOW_S)
    rows = [[name, *(_shown(seen.get(one, {})) for one in GOOD)] for name, seen in found.items()]
    report(("server", *GOOD), rows)
    own = found[ours.name]
    judged = {name: name in own and is_good(own[name]) for name, is_good in GOOD.items()}
    print(", ".join(f"{name} {'good' if is_good else 'BAD'}" for name, is_good in judged.items()))
    sys.exit(not all(judged.values()))


def _chosen(names: str) -> list[Peer]:
    """Return the peers with these names."""
    peers, wanted = read_catalogue(), [name for name in names.split(",") if name]
    if unknown := set(wanted) - peers.keys():
        raise SystemExit(f"no peer is named {', '.join(unknown)}")
    return [peers[name] for name in wanted]


def _graph() -> Path:
    """Return the ONNX file of the vision service's embedded classifier."""
    found = find_model(load_manifest("vision"), "classify", models_dir=CACHE, profile="embedded")
    return found.path


def _compare(
    ours: Peer,
    peers: list[Peer],
    orders: Orders,
    loops: list[Kind],
    *,
    rounds: int,
    seconds: float,
) -> list[Turns]:
    """Return the slices of the turns with each peer, printed as they are measured."""
    content = draw_small_photo()
    (expected,) = load_model(orders).answer_all([content])
    bound = frozenset([min(ALL_CORES)])
    os.sched_setaffinity(0, ALL_CORES - bound or ALL_CORES)
    found: list[Turns] = []
    rows: list[list[object]] = []

    async def run(image: Path) -> None:
        stage = Stage(orders, image, expected, bound)
        async for slices in compare(stage, loops, ours, peers, rounds=rounds, seconds=seconds):
            for name in list(slices)[-1:] if found else slices:
                rows.append(cost_row(name, slices, ours=ours.name, bare=Kind.BARE))
                print(*rows[-1], flush=True)
            found.append(slices)

    with _folder() as folder:
        image = folder / "image.jpg"
        image.write_bytes(content)
        asyncio.run(run(image))
    report(COST_HEAD, rows)
    return found


def _bars(found: list[Turns], ours: str) -> dict[str, tuple[float, bool]]:
    """Return the figures that ours must reach, and whether it does."""
    first, *others = found
    throughput = median_ratio(first[ours], first[Kind.BARE], "per_second")
    bars = {f"throughput of the bare loop, at least {LEAST}": (throughput, throughput >= LEAST)}
    for kind, most in MOST_CPU.items():
        of_loop = median_ratio(first[ours], first[kind])
        apart = of_loop - median_ratio(first[Kind.DECODING], first[kind])
        bars[f"CPU of {kind}, decoding apart, at most {most}"] = apart, apart <= most
    for slices in others:
        (peer,) = slices.keys() - {ours, Kind.BARE}
        ratio = median_ratio(slices[ours], slices[peer], "per_second")
        bars[f"images a second of {peer}'s, more than 1"] = ratio, ratio > 1
    return bars


def _shown(figures: Figures) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def _with_scripted(
    peer: Peer, work: Callable[[Subject], Coroutine[Any, Any, None]], *, window_s: float
) -> None:
    """Work on a server with the scripted model; a server that fails is left out."""

    async def run(folder: Path) -> None:
        executed, log = folder / "executed", folder / "log"
        orders = Orders(free_port(), "scripted", window_s=window_s, executed=str(executed))
        async with started(peer, orders, log=log) as tree, calling(peer, orders.port) as caller:
            await until_ready(caller, tree, b"say ready", b"say ready", log)
            await work(Subject(caller, tree, executed))

    with _folder() as folder:
        try:
            asyncio.run(run(folder))
        except LoadFailed as error:
            print(f"left out: {error}", flush=True)


@contextmanager
def _folder() -> Iterator[Path]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server is left behind
    with TemporaryDirectory() as folder:
        yield Path(folder)


if __name__ == "__main__":
    app()
