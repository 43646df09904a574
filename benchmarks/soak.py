"""Watch the memory of the services through an hour of mixed load: python -m benchmarks.soak.

    python -m benchmarks.soak [--minutes N] [--per-second N]

All real services run at once and get images of very different sizes, whole and damaged, at a
bounded rate, each to the next RPC in turn. Each process's memory (VmRSS) in the last minute is
compared with that in the tenth: growth between the two would go on for ever.
"""

import asyncio
import statistics
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import cycle
from time import monotonic

import cyclopts
import grpc

from benchmarks.calls import CALLS, Call
from benchmarks.images import draw_small_photo, draw_word
from benchmarks.processes import memory_mib, serving
from benchmarks.reports import report

SETTLED_AFTER_MINUTES = 10
SAMPLES_PER_MINUTE = 6
SMALL_IMAGES = 20
DAMAGED_AT = 5000  # bytes; the rest is cut off
ANSWERED_WITHIN_S = 60.0
_MINUTE_S = 60.0


def main(*, minutes: int = 60, per_second: float = 3.0) -> None:
    """Run the load and report the growth of each service's memory."""
    samples, outcomes = asyncio.run(soak(minutes, per_second=per_second))
    rows = [(name, *grown(turns)) for name, turns in samples.items()]
    print(f"{minutes} minutes: {dict(outcomes)}")
    report(("service", "after 10 minutes, MiB", "at the end, MiB", "growth, %"), rows)


def grown(samples: list[float]) -> tuple[float, float, float]:
    """Return the MiB in the tenth minute, or the middle of a shorter run, and the last; percent."""
    settled = min(SETTLED_AFTER_MINUTES * SAMPLES_PER_MINUTE, len(samples) // 2)
    before = samples[max(0, settled - SAMPLES_PER_MINUTE) : settled] or samples[:1]
    first, last = statistics.mean(before), statistics.mean(samples[-SAMPLES_PER_MINUTE:])
    return first, last, 100 * (last / first - 1)


async def soak(minutes: int, *, per_second: float) -> tuple[dict[str, list[float]], Counter[str]]:
    """Return the memory of each service over time, in MiB, and the outcomes of the requests."""
    outcomes: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        started = {name: await stack.enter_async_context(serving(name)) for name in CALLS}
        channels = {name: channel for name, (channel, _) in started.items()}
        processes = {name: process for name, (_, process) in started.items()}
        ends_s = monotonic() + minutes * _MINUTE_S
        sampling = asyncio.create_task(_sample(processes, ends_s))
        async with asyncio.TaskGroup() as group:
            for channel, call, image in _requests(channels):
                if monotonic() >= ends_s:
                    break
                group.create_task(_ask(call, channel, image, outcomes))
                await asyncio.sleep(1 / per_second)
        return await sampling, outcomes


def _requests(
    channels: dict[str, grpc.aio.Channel],
) -> Iterator[tuple[grpc.aio.Channel, Call, bytes]]:
    """Yield requests for ever; in time every image is sent to every RPC."""
    photo = draw_small_photo()
    images = [*map(draw_word, range(SMALL_IMAGES)), photo, photo[:DAMAGED_AT], b"no image"]
    calls = [(channels[name], call) for name, rpcs in CALLS.items() for call in rpcs.values()]
    for (channel, call), image in zip(cycle(calls), cycle(images), strict=False):
        yield channel, call, image


async def _ask(call: Call, channel: grpc.aio.Channel, image: bytes, outcomes: Counter[str]) -> None:
    try:
        await asyncio.wait_for(call(channel, image), ANSWERED_WITHIN_S)
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
    cyclopts.run(main)
