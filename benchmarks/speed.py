"""Compare each job on one core with Pillow decoding the same photo: python -m benchmarks.speed.

    python -m benchmarks.speed [--portrait PHOTO] [--rounds N] [--json FILE] [--no-memory]

A job is what its service does with one picture: decode, look, and for colorize encode. Its CPU time
is divided by that of `Image.open(file).convert("RGB")`, both measured in turns in one process that
is bound to one core, so that a busy machine slows both. Then each service is started as a process
of its own, and its peak memory is read before and after a burst of the same pictures.

The picture is drawn, 2 MP; a face that a detector finds is not easily drawn, so `--portrait` names
a photo with one face, which is scaled to 2 MP. Without it emotions are read where there is no face.
"""

import argparse
import asyncio
import io
import json
import os
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

import numpy as np
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.peak_memory import PeakMemory, measure_services
from colorize.encoding import encode_within
from colorize.model import Colorizer
from modelkit.devices import Device
from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.manifest import find_model, load_manifest
from servicekit.limits import MAX_IMAGE_BYTES
from servicekit.memory import return_freed_memory
from vision.loaders import load_classifier, load_face_reader, load_nudity_scorer, use_threads
from vision.settings import VisionSettings

WIDTH_PX, HEIGHT_PX = 1632, 1224  # 2.0 MP
JPEG_QUALITY = 90
WARM_UP_ROUNDS = 2
BARS = {"classify": 3.0, "emotions": 3.0, "colorize": 8.0}  # at most so many times the decoding
PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "pillow", "torch")


@dataclass(frozen=True, slots=True)
class Job:
    """One endpoint.

    Attributes:
        name: Of the endpoint.
        picture: The file it gets.
        shows: What the picture is, for people.
        run: Does the whole job with the file and returns a word about the answer.
    """

    name: str
    picture: bytes
    shows: str
    run: Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU times of one job, medians over the rounds; `ratio` is that of the two."""

    name: str
    shows: str
    answer: str
    seconds: float
    decode_seconds: float
    ratio: float
    bar: float | None


def main() -> None:
    """Measure everything, print two tables and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description="Measure speed on one core, and peak memory.")
    parser.add_argument("--portrait", type=Path, help="photo with one face, scaled to 2 MP")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--no-memory", action="store_true", help="start no services")
    arguments = parser.parse_args()
    drawn = to_jpeg(draw_photo())
    portrait = to_jpeg(read_photo(arguments.portrait)) if arguments.portrait else drawn
    # First, because the services would inherit the one core.
    peaks = [] if arguments.no_memory else asyncio.run(measure_services(portrait))
    bind_to_one_core()
    timings = [measure(job, arguments.rounds) for job in load_jobs(drawn, portrait)]
    print_tables(timings, peaks)
    if arguments.json:
        figures = {
            **describe_machine(PACKAGES),
            "timings": [asdict(timing) for timing in timings],
            "peaks": [asdict(peak) for peak in peaks],
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def draw_photo() -> RgbImage:
    """Return (HEIGHT_PX, WIDTH_PX, 3) noise with the spectrum of photos, always the same."""
    chance = np.random.default_rng(1)
    total = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    for cells in (3, 6, 12, 24, 48, 96, 192, 384):
        grid = chance.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(grid).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
        total += (np.asarray(layer, np.float32) - 128) * (3 / cells) ** 0.7  # near 1/f, as photos
    grain = chance.normal(0, 3, (HEIGHT_PX, WIDTH_PX, 1))
    return (total + grain + 128).clip(0, 255).astype(np.uint8)


def read_photo(path: Path) -> RgbImage:
    """Return a photo scaled to 2 MP, its shape kept."""
    photo = Image.fromarray(decode_image(path.read_bytes(), ImageLimits()).pixels)
    scale = (WIDTH_PX * HEIGHT_PX / (photo.width * photo.height)) ** 0.5
    size = (round(photo.width * scale), round(photo.height * scale))
    return np.asarray(photo.resize(size, Image.Resampling.LANCZOS))


def to_jpeg(pixels: RgbImage) -> bytes:
    """Return a JPEG file as cameras write it, with halved chroma."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def bind_to_one_core() -> None:
    """Keep this process, whatever threads its libraries start, on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def load_jobs(drawn: bytes, portrait: bytes) -> list[Job]:
    """Load the models as their services do, with one thread each."""
    return_freed_memory()
    settings, entries = VisionSettings(threads=1), load_manifest("vision")
    use_threads(settings.threads)
    classifier = load_classifier(settings, entries).model
    reader = load_face_reader(settings, entries).model
    scorer = load_nudity_scorer(settings, entries).model
    colorizer = _load_colorizer(settings.models_dir)

    def colour(content: bytes) -> str:
        coloured = encode_within(
            colorizer.colorize(_decode(content)), "image/jpeg", max_bytes=MAX_IMAGE_BYTES
        )
        return f"{len(coloured.content)} bytes"

    shown = "the drawn picture" if portrait == drawn else "the portrait"
    # Three channels, as scanners write grey: one alone would decode faster.
    grey = np.asarray(Image.fromarray(_decode(drawn)).convert("L").convert("RGB"))
    return [
        Job("classify", drawn, "drawn", lambda file: classifier.classify(_decode(file))[0].tag),
        Job("emotions", portrait, shown, lambda file: f"{len(reader.read(_decode(file)))} faces"),
        Job("nudity", drawn, "drawn", lambda file: f"{scorer.score(_decode(file)):.3f}"),
        Job("colorize", to_jpeg(grey), "drawn, grey", colour),
    ]


def measure(job: Job, rounds: int) -> Timing:
    """Return the medians of so many rounds of decoding and doing in turns."""
    decoding, doing, answer = [], [], ""
    for number in range(WARM_UP_ROUNDS + rounds):
        began_s = process_time()
        Image.open(io.BytesIO(job.picture)).convert("RGB")
        decoded_s = process_time()
        answer = job.run(job.picture)
        done_s = process_time()
        if number >= WARM_UP_ROUNDS:
            decoding.append(decoded_s - began_s)
            doing.append(done_s - decoded_s)
    decode_s, seconds = statistics.median(decoding), statistics.median(doing)
    return Timing(
        job.name, job.shows, answer, seconds, decode_s, seconds / decode_s, BARS.get(job.name)
    )


def print_tables(timings: list[Timing], peaks: list[PeakMemory]) -> None:
    """Print what a person wants to know."""
    print(f"{'job':9} {'CPU ms':>7} {'decode':>7} {'ratio':>6} {'bar':>5}  picture, answer")
    for timing in timings:
        bar = f"{timing.bar:5.1f}" if timing.bar else "    -"
        print(
            f"{timing.name:9} {1000 * timing.seconds:7.1f} {1000 * timing.decode_seconds:7.1f} "
            f"{timing.ratio:6.2f} {bar}  {timing.shows}, {timing.answer}"
        )
    for peak in peaks:
        print(
            f"{peak.service:9} peak {peak.started_mib:.0f} MiB once started, "
            f"{peak.burst_mib:.0f} MiB after {peak.requests} requests"
        )


def _load_colorizer(models_dir: Path) -> Colorizer:
    found = find_model(load_manifest("colorize"), "colorize", models_dir=models_dir)
    return Colorizer(found.path, device=Device())


def _decode(content: bytes) -> RgbImage:
    return decode_image(content, ImageLimits()).pixels


if __name__ == "__main__":
    main()
