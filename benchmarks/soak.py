"""Watch the memory of the services through an hour of mixed load: python -m benchmarks.soak.

    python -m benchmarks.soak [--minutes N] [--per-second N] [--json FILE]

All real services run at once and are sent pictures of very different sizes, whole and damaged, at a
bounded rate, each to the next RPC in turn. What counts is the memory of each process (VmRSS), the
mean of the last minute beside that of the tenth: what grows between the two would grow for ever.
"""

import argparse
import asyncio
import json
import statistics
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from time import monotonic

import grpc

from benchmarks.answers import draw_picture
from benchmarks.calls import CALLS, Call
from benchmarks.machine import describe_machine
from benchmarks.processes import memory_mib, serving
from benchmarks.serving import draw_picture as draw_photo

PACKAGES = ("grpcio", "numpy", "onnxruntime", "pillow", "simplejpeg", "torch")
SETTLED_AFTER_MINUTES = 10
SAMPLES_PER_MINUTE = 6
SMALL_PICTURES = 20
DAMAGED_AT = 5000  # bytes; the rest is cut off
ANSWERED_WITHIN_S = 60.0
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory of one service, in MiB."""

    service: str
    settled_mib: float
    last_mib: float

    @property
    def percent(self) -> float:
        """By how much it grew between the two."""
        return 100 * (self.last_mib / self.settled_mib - 1)


def main() -> None:
    """Run the load, print a table and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description="Watch memory through mixed load.")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--per-second", type=float, default=3.0)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    samples, outcomes = asyncio.run(soak(arguments.minutes, per_second=arguments.per_second))
    growths = [grown(name, turns) for name, turns in samples.items()]
    print(f"{arguments.minutes} minutes: {dict(outcomes)}")
    print("| service | after 10 minutes, MiB | at the end, MiB | growth, % |")
    print("| --- | --- | --- | --- |")
    for one in growths:
        row = (one.service, f"{one.settled_mib:.0f}", f"{one.last_mib:.0f}", f"{one.percent:.1f}")
        print(f"| {' | '.join(row)} |")
    if arguments.json:
        told = {"minutes": arguments.minutes, "outcomes": outcomes, "samples_mib": samples}
        figures = {**describe_machine(PACKAGES), **told, "growth": [asdict(one) for one in growths]}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def grown(service: str, samples: list[float]) -> Growth:
    """Compare the tenth minute, or the middle of a shorter run, with the last."""
    settled = min(SETTLED_AFTER_MINUTES * SAMPLES_PER_MINUTE, len(samples) // 2)
    before = samples[max(0, settled - SAMPLES_PER_MINUTE) : settled] or samples[:1]
    return Growth(service, statistics.mean(before), statistics.mean(samples[-SAMPLES_PER_MINUTE:]))


async def soak(minutes: int, *, per_second: float) -> tuple[dict[str, list[float]], Counter[str]]:
    """Return the memory of each service over time, in MiB, and how many requests ended how."""
    outcomes: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        started = {name: await stack.enter_async_context(serving(name)) for name in CALLS}
        channels = {name: channel for name, (channel, _) in started.items()}
        processes = {name: process for name, (_, process) in started.items()}
        ends_s = monotonic() + minutes * _MINUTE_S
        sampling = asyncio.create_task(_sample(processes, ends_s))
        async with asyncio.TaskGroup() as group:
            for channel, call, picture in _requests(channels):
                if monotonic() >= ends_s:
                    break
                group.create_task(_ask(call, channel, picture, outcomes))
                await asyncio.sleep(1 / per_second)
        return await sampling, outcomes


def _requests(
    channels: dict[str, grpc.aio.Channel],
) -> Iterator[tuple[grpc.aio.Channel, Call, bytes]]:
    """Yield what to send for ever: every picture meets every RPC in time."""
    photo = draw_photo()
    pictures = [*map(draw_picture, range(SMALL_PICTURES)), photo, photo[:DAMAGED_AT], b"no picture"]
    calls = [(channels[name], call) for name, rpcs in CALLS.items() for call in rpcs.values()]
    for (channel, call), picture in zip(cycle(calls), cycle(pictures), strict=False):
        yield channel, call, picture


async def _ask(
    call: Call, channel: grpc.aio.Channel, picture: bytes, outcomes: Counter[str]
) -> None:
    try:
        await asyncio.wait_for(call(channel, picture), ANSWERED_WITHIN_S)
    except grpc.aio.AioRpcError as error:
        outcomes[error.code().name] += 1
    except TimeoutError:
        outcomes["no answer"] += 1
    else:
        outcomes["OK"] += 1


async def _sample(processes: dict[str, Process], ends_s: float) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {name: [] for name in processes}
    while monotonic() < ends_s:
        await asyncio.sleep(_MINUTE_S / SAMPLES_PER_MINUTE)
        for name, process in processes.items():
            samples[name].append(memory_mib(process, "VmRSS"))
    return samples


if __name__ == "__main__":
    main()
