"""Compare each RPC's CPU time with Pillow decoding the same photo, and read peak memory.

    python -m benchmarks.speed [--portrait PHOTO] [--rounds N]

Each real service runs on one core with one thread and gets one request at a time. The CPU time of
its process for a request is divided by that of `Image.open(file).convert("RGB")` here, in turns, so
that a busy machine slows both. Its peak memory is read once started and after eight requests of
each RPC at once.

The image is drawn, 2 MP, and grey for colorize. A face that a detector finds is not easily drawn,
so `--portrait` names a photo with one face, which is scaled to 2 MP for DetectEmotions.
"""

import asyncio
import io
import os
import statistics
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import cyclopts
import numpy as np
from PIL import Image

from benchmarks.calls import CALLS
from benchmarks.images import draw_photo, scale_photo, to_jpeg
from benchmarks.processes import cpu_seconds, memory_mib, serving
from benchmarks.reports import report

WIDTH_PX, HEIGHT_PX = 1632, 1224  # 2.0 MP
JPEG_QUALITY = 90
WARM_UP_ROUNDS = 2
BARS = {"Classify": 3.0, "DetectEmotions": 3.0, "Colorize": 8.0}  # most times the decoding
BURST = 8  # requests of each RPC at once
ANSWERED_WITHIN_S = 300.0
CORES = os.sched_getaffinity(0)
RPCS = ("Classify", "DetectEmotions", "DetectNudity", "Colorize")


def main(*, portrait: Path | None = None, rounds: int = 17) -> None:
    """Measure all services, one after the other."""
    drawn = draw_photo(WIDTH_PX, HEIGHT_PX, grain=3)
    # Three channels, as scanners write grey: one alone would decode faster.
    grey = np.asarray(Image.fromarray(drawn).convert("L").convert("RGB"))
    face = scale_photo(portrait, pixels=WIDTH_PX * HEIGHT_PX) if portrait else drawn
    images = {name: to_jpeg(drawn, quality=JPEG_QUALITY) for name in RPCS}
    images["Colorize"] = to_jpeg(grey, quality=JPEG_QUALITY)
    images["DetectEmotions"] = to_jpeg(face, quality=JPEG_QUALITY)
    timings, peaks = asyncio.run(measure(images, rounds=rounds))
    report(("RPC", "CPU ms", "decoding ms", "ratio", "bar"), timings)
    report(("service", "peak once started, MiB", "after a burst, MiB"), peaks)


async def measure(
    images: dict[str, bytes], *, rounds: int
) -> tuple[list[list[object]], list[list[object]]]:
    """Return rows of the RPCs' CPU times with these images, and of all services' peak memory."""
    timings: list[list[object]] = []
    peaks: list[list[object]] = []
    for name, rpcs in CALLS.items():
        async with serving(name, {"threads": 1}, cores={min(CORES)}) as (channel, process):
            started_mib = memory_mib(process, "VmHWM")
            for rpc in rpcs:
                if rpc in images:
                    ask = partial(rpcs[rpc], channel, images[rpc])
                    turns = [await _take_turn(process.pid, ask, images[rpc]) for _ in range(rounds)]
                    timings.append(_timing(rpc, turns[WARM_UP_ROUNDS:]))
            burst = [call for call in rpcs.values() for _ in range(BURST)]
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await asyncio.gather(*(call(channel, images["DetectEmotions"]) for call in burst))
            peaks.append([name, started_mib, memory_mib(process, "VmHWM")])
    return timings, peaks


# Any: the answer is not looked at.
async def _take_turn(
    pid: int, ask: Callable[[], Awaitable[Any]], image: bytes
) -> tuple[float, float]:
    """Return the CPU seconds of decoding an image here and of one request."""
    began_s = process_time()
    Image.open(io.BytesIO(image)).convert("RGB")
    decode_s = process_time() - began_s
    began_s = cpu_seconds(pid)
    await ask()
    return decode_s, cpu_seconds(pid) - began_s


def _timing(rpc: str, turns: list[tuple[float, float]]) -> list[object]:
    decode_s, cpu_s = (statistics.median(column) for column in zip(*turns, strict=True))
    ratio = statistics.median(cpu / decode for decode, cpu in turns)
    return [rpc, 1000 * cpu_s, 1000 * decode_s, ratio, BARS.get(rpc, "")]


if __name__ == "__main__":
    cyclopts.run(main)
