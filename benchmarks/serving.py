"""Compare our service with a bare loop over the same model: python -m benchmarks.serving.

    python -m benchmarks.serving [--cores N] [--threads N] [--loop-threads N] [--rounds N]
                                 [--precision P] [--seconds S] [--in-flight N] [--json F]

The bare loop decodes eight pictures, classifies them together, and begins anew: nothing is
received, waited for or sent. It is run twice, with the service's decoder and with Pillow's, as most
such loops are written, always in float32. The service does the same for requests over gRPC, so many
in flight. All are bound to the same cores, the client to the others if there are any. They take
turns in slices of one run, so that a busy machine slows all. What is compared is the CPU time per
picture of their processes, from /proc, and the throughput.
"""

import argparse
import asyncio
import io
import json
import os
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import numpy as np
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.peers.catalogue import OUR_VISION_SERVICE, Peer
from benchmarks.peers.load import send
from benchmarks.processes import cpu_seconds, running, serving
from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.manifest import load_manifest
from scripts.ports import free_port
from servicekit.memory import return_freed_memory
from servicekit.processors import let_waiting_threads_sleep
from vision.loaders import load_classifier, use_threads
from vision.settings import VisionSettings

WIDTH_PX, HEIGHT_PX = 640, 480  # about 100 KB, as in notes of other servers
JPEG_QUALITY = 92
BATCH = 8
WARM_UP_ROUNDS = 1
WARM_UP_REQUESTS = 64
SERVICE, LOOP, PILLOW_LOOP = "service", "loop", "pillow-loop"
PACKAGES = ("grpcio", "numpy", "pillow", "torch", "uvloop")


@dataclass(frozen=True, slots=True)
class Slice:
    """What one of them did in its turn."""

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
    parser.add_argument("--cores", type=int, default=1, help="of the loops and of the service")
    parser.add_argument(
        "--threads", type=int, default=0, help="of the model; 0 is one for each core"
    )
    parser.add_argument("--loop-threads", type=int, default=0, help="in the loops; 0 is as many")
    parser.add_argument("--precision", default="float32", help="of the service")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a slice")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--be", choices=(LOOP, PILLOW_LOOP), help="a bare loop; used by itself")
    arguments = parser.parse_args()
    if arguments.be:
        run_bare_loop(draw_picture(), arguments.be, threads=arguments.threads)
        return
    threads = arguments.threads or arguments.cores
    told = {
        "in_flight": arguments.in_flight,
        "cores": arguments.cores,
        "threads": threads,
        "loop_threads": arguments.loop_threads or threads,
        "precision": arguments.precision,
    }
    slices = asyncio.run(measure(arguments.rounds, seconds=arguments.seconds, **told))
    figures = {**describe_machine(PACKAGES), **told, **summarise(slices)}
    print(json.dumps(figures, indent=2))
    if arguments.json:
        figures["slices"] = {name: [asdict(one) for one in turns] for name, turns in slices.items()}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def summarise(slices: dict[str, list[Slice]]) -> dict[str, object]:
    """Return medians over the slices; a ratio above 1 says that the service is better."""
    figures: dict[str, object] = {}
    service = slices[SERVICE]
    for name, turns in slices.items():
        pairs = list(zip(turns, service, strict=True))
        figures[name] = {
            "cpu_ms": round(statistics.median(one.cpu_ms for one in turns), 2),
            "per_second": round(statistics.median(one.per_second for one in turns), 1),
            "cpu_ratio": round(statistics.median(a.cpu_ms / b.cpu_ms for a, b in pairs), 3),
            "throughput_ratio": round(
                statistics.median(b.per_second / a.per_second for a, b in pairs), 3
            ),
        }
    return figures


async def measure(
    rounds: int,
    *,
    cores: int,
    threads: int,
    loop_threads: int,
    precision: str,
    seconds: float,
    in_flight: int,
) -> dict[str, list[Slice]]:
    """Return the slices of all, in the order of their turns."""
    slices: dict[str, list[Slice]] = {PILLOW_LOOP: [], LOOP: [], SERVICE: []}
    let_waiting_threads_sleep()  # the loops as the service
    all_cores = sorted(os.sched_getaffinity(0))
    bound = frozenset(all_cores[:cores])
    os.sched_setaffinity(0, all_cores[cores:] or all_cores)
    port = free_port()
    with TemporaryDirectory() as folder:
        async with (
            _looping(PILLOW_LOOP, bound, loop_threads) as pillow_loop,
            _looping(LOOP, bound, loop_threads) as loop,
            serving("vision", port=port, cores=bound, threads=threads, precision=precision) as (
                _,
                service,
            ),
        ):
            picture = Path(folder) / "picture.jpg"
            picture.write_bytes(draw_picture())
            cpu_s = partial(cpu_seconds, service)
            load = Load(OUR_VISION_SERVICE, port, cpu_s, picture, in_flight)
            for number in range(WARM_UP_ROUNDS + rounds):
                turns = {
                    PILLOW_LOOP: await _loop_slice(pillow_loop, seconds),
                    LOOP: await _loop_slice(loop, seconds),
                    SERVICE: await asyncio.to_thread(load.turn, seconds),
                }
                if number >= WARM_UP_ROUNDS:
                    for name, turn in turns.items():
                        slices[name].append(turn)
    return slices


def run_bare_loop(picture: bytes, kind: str, *, threads: int) -> None:
    """Classify for the seconds that each line of stdin names, and answer with how many pictures."""
    return_freed_memory()
    use_threads(threads)
    settings = VisionSettings(threads=threads, precision="float32")
    model = load_classifier(settings, load_manifest("vision")).model
    decode = _decode if kind == LOOP else _decode_with_pillow
    for line in sys.stdin:
        ends_s = monotonic() + float(line)
        pictures = 0
        while monotonic() < ends_s:
            images = [decode(picture) for _ in range(BATCH)]
            model.classify_all([model.prepare(image) for image in images])
            pictures += BATCH
        print(pictures, flush=True)


def _decode(picture: bytes) -> RgbImage:
    return decode_image(picture, ImageLimits()).pixels


def _decode_with_pillow(picture: bytes) -> RgbImage:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


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


@asynccontextmanager
async def _looping(kind: str, cores: frozenset[int], threads: int) -> AsyncIterator[Process]:
    told = ("--be", kind, "--threads", str(threads))
    async with running("benchmarks.serving", *told, cores=cores, stdin=PIPE, stdout=PIPE) as loop:
        yield loop


@dataclass(slots=True)
class Load:
    """Keeps a server busy with one picture.

    Attributes:
        peer: Which.
        port: Where, on this machine.
        cpu_s: Returns the CPU time of its processes so far.
        picture: The file that is sent.
        in_flight: Requests at once.
        per_second: How many it answered in its last turn.
    """

    peer: Peer
    port: int
    cpu_s: Callable[[], float]
    picture: Path
    in_flight: int
    per_second: float = 0.0

    @property
    def name(self) -> str:
        """For people."""
        return self.peer.name

    def turn(self, seconds: float) -> Slice:
        """Send about so many seconds' worth of requests."""
        requests = max(WARM_UP_REQUESTS, round(seconds * self.per_second))
        began_cpu_s = self.cpu_s()
        took_s = send(
            self.peer, self.port, body=self.picture, requests=requests, in_flight=self.in_flight
        )
        done = Slice(requests, took_s, self.cpu_s() - began_cpu_s)
        self.per_second = done.per_second
        return done


async def _loop_slice(loop: Process, seconds: float) -> Slice:
    if loop.stdin is None or loop.stdout is None:
        raise RuntimeError("the loop was started without pipes")
    began_s, began_cpu_s = monotonic(), cpu_seconds(loop)
    loop.stdin.write(f"{seconds}\n".encode())
    pictures = int(await loop.stdout.readline())
    return Slice(pictures, monotonic() - began_s, cpu_seconds(loop) - began_cpu_s)


if __name__ == "__main__":
    main()
