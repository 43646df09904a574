"""Compare our service with a bare loop over the same model: python -m benchmarks.serving.

    python -m benchmarks.serving [--rounds N] [--seconds S] [--in-flight N] [--json FILE]

The bare loop decodes eight pictures, classifies them together, and begins anew: nothing is
received, waited for or sent. The service does the same for requests over gRPC, so many in flight.
Both use one processor thread for the model and are bound to one core, the client to the others, and
they take turns in slices of one run, so that a busy machine slows both. What is compared is the CPU
time per picture of the loop's process and of the service's, from /proc.
"""

import argparse
import asyncio
import io
import json
import os
import socket
import statistics
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image

from benchmarks.machine import describe_machine
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.images import ImageLimits, decode_image
from modelkit.manifest import load_manifest
from servicekit.client import open_channel
from servicekit.memory import return_freed_memory
from vision.loaders import load_classifier, use_threads
from vision.settings import VisionSettings

WIDTH_PX, HEIGHT_PX = 640, 480  # about 100 KB, as in notes of other servers
JPEG_QUALITY = 92
BATCH = 8
WARM_UP_ROUNDS = 1
READY_WITHIN_S = 60.0
_CORE = min(os.sched_getaffinity(0))  # of the loop and of the service
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PACKAGES = ("grpcio", "numpy", "pillow", "torch", "uvloop")


@dataclass(frozen=True, slots=True)
class Slice:
    """What one of the two did in its turn."""

    pictures: int
    seconds: float
    cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        """Return the CPU time of one picture in milliseconds."""
        return 1000 * self.cpu_seconds / self.pictures

    @property
    def per_second(self) -> float:
        """Return pictures per second."""
        return self.pictures / self.seconds


def main() -> None:
    """Measure, print a table and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description="Compare our service with a bare loop.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a slice")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--loop", action="store_true", help="be the bare loop; used by itself")
    arguments = parser.parse_args()
    if arguments.loop:
        run_bare_loop(draw_picture())
        return
    slices = asyncio.run(
        measure(arguments.rounds, seconds=arguments.seconds, in_flight=arguments.in_flight)
    )
    figures = {**describe_machine(PACKAGES), "in_flight": arguments.in_flight, **summarise(slices)}
    print(json.dumps(figures, indent=2))
    if arguments.json:
        figures["slices"] = {name: [asdict(one) for one in turns] for name, turns in slices.items()}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def summarise(slices: dict[str, list[Slice]]) -> dict[str, object]:
    """Return medians over the slices; a ratio above 1 says that the service is better."""
    loop, service = slices["loop"], slices["service"]
    pairs = list(zip(loop, service, strict=True))
    return {
        "loop_cpu_ms": round(statistics.median(one.cpu_ms for one in loop), 2),
        "service_cpu_ms": round(statistics.median(one.cpu_ms for one in service), 2),
        "cpu_ratio": round(statistics.median(a.cpu_ms / b.cpu_ms for a, b in pairs), 3),
        "loop_per_second": round(statistics.median(one.per_second for one in loop), 1),
        "service_per_second": round(statistics.median(one.per_second for one in service), 1),
        "throughput_ratio": round(
            statistics.median(b.per_second / a.per_second for a, b in pairs), 3
        ),
    }


async def measure(rounds: int, *, seconds: float, in_flight: int) -> dict[str, list[Slice]]:
    """Return the slices of both, in the order of their turns."""
    slices: dict[str, list[Slice]] = {"loop": [], "service": []}
    picture = draw_picture()
    others = os.sched_getaffinity(0) - {_CORE}
    os.sched_setaffinity(0, others or {_CORE})
    async with (
        _started("-m", "benchmarks.serving", "--loop") as loop,
        _serving() as (port, service),
        open_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = rpc.VisionServiceStub(channel)
        request = pb.ClassifyRequest(image=picture)
        await _until_serving(channel)
        for number in range(WARM_UP_ROUNDS + rounds):
            of_loop = await _loop_slice(loop, seconds)
            of_service = await _service_slice(
                stub, request, service, seconds=seconds, in_flight=in_flight
            )
            if number >= WARM_UP_ROUNDS:
                slices["loop"].append(of_loop)
                slices["service"].append(of_service)
    return slices


def run_bare_loop(picture: bytes) -> None:
    """Classify for the seconds that each line of stdin names, and answer with how many pictures."""
    return_freed_memory()
    use_threads(1)
    model = load_classifier(VisionSettings(threads=1), load_manifest("vision")).model
    limits = ImageLimits()
    for line in sys.stdin:
        ends_s = monotonic() + float(line)
        pictures = 0
        while monotonic() < ends_s:
            images = [decode_image(picture, limits).pixels for _ in range(BATCH)]
            model.classify_all([model.prepare(image) for image in images])
            pictures += BATCH
        print(pictures, flush=True)


def draw_picture() -> bytes:
    """Return a JPEG of noise with the spectrum of photos, always the same."""
    chance = np.random.default_rng(1)
    total = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    for cells in (3, 6, 12, 24, 48, 96, 192):
        grid = chance.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(grid).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
        total += (np.asarray(layer, np.float32) - 128) * (3 / cells) ** 0.7  # near 1/f, as photos
    grain = chance.normal(0, 6, (HEIGHT_PX, WIDTH_PX, 1))
    file = io.BytesIO()
    pixels = (total + grain + 128).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


async def _until_serving(channel: grpc.aio.Channel) -> None:
    """Wait until the service says that its models are loaded."""
    health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
    request = health_pb2.HealthCheckRequest()
    async for answer in health.Watch(request, timeout=READY_WITHIN_S, wait_for_ready=True):
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return


async def _loop_slice(loop: Process, seconds: float) -> Slice:
    if loop.stdin is None or loop.stdout is None:
        raise RuntimeError("the loop was started without pipes")
    began_s, began_cpu_s = monotonic(), _cpu_seconds(loop)
    loop.stdin.write(f"{seconds}\n".encode())
    pictures = int(await loop.stdout.readline())
    return Slice(pictures, monotonic() - began_s, _cpu_seconds(loop) - began_cpu_s)


async def _service_slice(
    stub: "rpc.VisionServiceAsyncStub",
    request: pb.ClassifyRequest,
    service: Process,
    *,
    seconds: float,
    in_flight: int,
) -> Slice:
    pictures = 0
    began_s, began_cpu_s = monotonic(), _cpu_seconds(service)

    async def ask_again() -> None:
        nonlocal pictures
        while monotonic() < began_s + seconds:
            await stub.Classify(request, timeout=READY_WITHIN_S)
            pictures += 1

    await asyncio.gather(*(ask_again() for _ in range(in_flight)))
    return Slice(pictures, monotonic() - began_s, _cpu_seconds(service) - began_cpu_s)


@asynccontextmanager
async def _serving() -> AsyncIterator[tuple[int, Process]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    settings = {"VISION_PORT": str(port), "VISION_METRICS_PORT": "0", "VISION_THREADS": "1"}
    async with _started("-m", "vision", **settings) as service:
        yield port, service


@asynccontextmanager
async def _started(*arguments: str, **settings: str) -> AsyncIterator[Process]:
    """Start a Python process and stop it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, **settings},  # noqa: TID251 - the process needs the machine's
        stdin=PIPE,
        stdout=PIPE if "--loop" in arguments else DEVNULL,
    )
    os.sched_setaffinity(process.pid, {_CORE})
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _cpu_seconds(process: Process) -> float:
    """Return the CPU time of a process and its threads so far; see proc_pid_stat(5)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / TICKS_PER_S


if __name__ == "__main__":
    main()
