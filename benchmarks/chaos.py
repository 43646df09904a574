"""End replicas under load and count the failed requests: python -m benchmarks.chaos.

    python -m benchmarks.chaos [--models] [--requests N] [--in-flight N] [--per-second N]


The gateway and two replicas of each service that only wait run behind the real Envoy with the
configuration of deploy/envoy, over TLS. Under a steady load on each service in turn, half REST and
half gRPC, one replica is killed, then one is asked to stop, and each is started again. Then one
replica of a service is five times slower than the other, and at last one is added.
With `--models` the real services run and small images are sent; the last two are left out.
"""

import asyncio
import signal
import tempfile
from collections import Counter
from http import HTTPStatus
from itertools import product
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

import cyclopts
import uvloop

from benchmarks.replicated import ReplicatedMesh, replicated_mesh
from benchmarks.reports import report
from benchmarks.running_envoy import until_healthy

FAST_S, SLOW_S = 0.020, 0.100  # a request on a replica, and on one that is 5x slower
WARM_UP_S, MEASURED_S = 2.0, 10.0
THROUGHPUT_BAR, NEW_BAR_S = 0.85, 15.0


async def end_under_load(
    mesh: ReplicatedMesh,
    service: str,
    signal_number: signal.Signals,
    *,
    requests: int,
    in_flight: int,
    per_second: float = inf,
) -> Counter[int]:
    """End a replica after a quarter of the requests and start it again after half of them.

    Returns:
        The number of requests by their status; 0 stands for no answer.
    """
    statuses: Counter[int] = Counter()
    sent = 0
    quarter, half = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        nonlocal sent
        while sent < requests:
            due_s = began_s + sent / per_second
            sent += 1
            await asyncio.sleep(due_s - monotonic())
            status = await (mesh.ask(service) if sent % 2 else mesh.call(service))
            statuses[status] += 1
            if statuses.total() >= requests // 4:
                quarter.set()
            if statuses.total() >= requests // 2:
                half.set()

    async def disturb() -> None:
        await quarter.wait()
        await mesh.end(service, 0, signal_number)
        await half.wait()
        await mesh.start(service, 0)

    began_s = monotonic()
    await asyncio.gather(disturb(), *(call() for _ in range(in_flight)))
    return statuses


async def throughput(
    mesh: ReplicatedMesh, service: str, *, warm_up_s: float, measured_s: float, in_flight: int
) -> float:
    """Return the throughput under load as a share of the ideal that the replicas' speeds give.

    Raises:
        RuntimeError: A request failed.
    """
    answered = 0
    is_over = False

    async def call() -> None:
        nonlocal answered
        while not is_over:
            if await mesh.ask(service) != HTTPStatus.OK:
                raise RuntimeError("a request failed")
            answered += 1

    calls = [asyncio.create_task(call()) for _ in range(in_flight)]
    await asyncio.sleep(warm_up_s)
    before, began_s = answered, monotonic()
    await asyncio.sleep(measured_s)
    per_second = (answered - before) / (monotonic() - began_s)
    is_over = True
    await asyncio.gather(*calls)
    return per_second / sum(1 / seconds for seconds in mesh.speeds[service])


async def until_used(mesh: ReplicatedMesh, service: str, number: int) -> float:
    """Start a replica under load; return the seconds until it has answered a request."""
    began_s = monotonic()
    await mesh.start(service, number)
    async with asyncio.timeout(4 * NEW_BAR_S):
        while b'"code": "OK"' not in mesh.log(service, number).read_bytes():
            await mesh.ask(service)
    return monotonic() - began_s


async def end_each(folder: Path, *, has_models: bool, **load: Any) -> None:
    """End a replica of each service with each signal, and print the results.

    Args:
        folder: Folder of logs.
        has_models: Whether the real services run.
        load: Options of `end_under_load`, of several types.
    """
    speeds = dict.fromkeys(("colorize", "ocr", "vision"), (FAST_S / 2, FAST_S / 2))
    rows = []
    async with replicated_mesh(folder, speeds, has_models=has_models) as mesh:
        for number, service in product((signal.SIGKILL, signal.SIGTERM), speeds):
            began_s = monotonic()
            statuses = await end_under_load(mesh, service, number, **load)
            failed = statuses.total() - statuses[HTTPStatus.OK]
            seconds = round(monotonic() - began_s, 1)
            rows.append((service, number.name, statuses.total(), failed, seconds))
            print(*rows[-1], dict(statuses), flush=True)
            await until_healthy(mesh.places, {service: 2})
    report(("service", "signal", "requests", "failed", "seconds"), rows)


async def slow_and_new(folder: Path, *, in_flight: int) -> None:
    """Print the share of `throughput` and the seconds of `until_used`."""
    speeds = {"colorize": (FAST_S,), "vision": (FAST_S, SLOW_S), "ocr": (FAST_S,) * 3}
    async with replicated_mesh(folder, speeds, started={"ocr": 2}) as mesh:
        share = await throughput(
            mesh, "vision", warm_up_s=WARM_UP_S, measured_s=MEASURED_S, in_flight=in_flight
        )
        print(f"one replica 5x slower: {share:.3f} of the ideal (bar {THROUGHPUT_BAR})")
        new_s = await until_used(mesh, "ocr", 2)
        print(f"a new replica answers after {new_s:.1f} s (bar {NEW_BAR_S:.0f})")


def main(
    *,
    models: bool = False,
    requests: int = 1200,
    in_flight: int = 16,
    per_second: float = inf,
) -> None:
    """End replicas under load and count the failed requests."""
    load = {"requests": requests, "in_flight": in_flight, "per_second": per_second}
    with tempfile.TemporaryDirectory() as equal, tempfile.TemporaryDirectory() as unequal:
        uvloop.run(end_each(Path(equal), has_models=models, **load))
        if not models:
            uvloop.run(slow_and_new(Path(unequal), in_flight=in_flight))


if __name__ == "__main__":
    cyclopts.run(main)
