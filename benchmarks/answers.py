"""Compare answers under load with those to single requests: python -m benchmarks.answers.

    python -m benchmarks.answers [--pictures N] [--rounds N] [--photos FOLDER] [--services A,B]

So many distinct pictures are sent one after the other, then all at once, so many rounds, to every
RPC of every real service; as a document each has two pages. They are drawn, with a word on each, or
made of the photos of a folder. An answer must be the one that its picture had alone, byte for byte
but for the seconds that it took: anything else is crossed or depends on its neighbours.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from benchmarks.calls import CALLS, Call
from benchmarks.machine import describe_machine
from benchmarks.processes import serving
from imagemesh.ocr.v1.ocr_service_pb2 import RecognizeDocumentResponse

PACKAGES = ("grpcio", "numpy", "onnxruntime", "pillow", "simplejpeg", "torch")
WIDTH_PX, HEIGHT_PX = 320, 120
TEXT_SIZE_PX = 40
PHOTO_SIDE_PX = 480


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the answers of one RPC compare.

    Attributes:
        answers: Those that were given under load.
        distinct: Different ones among those to single requests.
        crossed: Those under load that another picture had alone.
        other: Those under load that no picture had alone.
    """

    rpc: str
    answers: int
    distinct: int
    crossed: int
    other: int
    seconds: float


def main() -> None:
    """Compare, print a table, and exit with 1 where an answer differs."""
    parser = argparse.ArgumentParser(description="Compare answers under load with single ones.")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--photos", type=Path, help="folder of JPEG files, with faces")
    parser.add_argument("--services", default=",".join(CALLS), help="with commas between")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    photos = sorted(arguments.photos.glob("*.jpg")) if arguments.photos else []
    pictures = [
        shade_photo(photos[number % len(photos)], number) if photos else draw_picture(number)
        for number in range(arguments.pictures)
    ]
    names = arguments.services.split(",")
    found = asyncio.run(compare_all(names, pictures, rounds=arguments.rounds))
    if arguments.json:
        figures = {**describe_machine(PACKAGES), "rpcs": [asdict(one) for one in found]}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(any(one.crossed or one.other for one in found))


def draw_picture(number: int) -> bytes:
    """Return a JPEG with a word and shades of its own."""
    chance = np.random.default_rng(number)
    corners = chance.integers(60, 256, (3, 4, 3), dtype=np.uint8)
    shades = Image.fromarray(corners).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
    word = "".join(chance.choice(list("ABDEGHKLMNPRTUWX"), 6))
    place, font = (20, 30), ImageFont.load_default(TEXT_SIZE_PX)
    ImageDraw.Draw(shades).text(place, f"{word} {number}", fill="black", font=font)
    return _encode(shades, number)


def shade_photo(photo: Path, number: int) -> bytes:
    """Return a small copy of a photo as a JPEG, lighter or darker by a number of its own."""
    with Image.open(photo) as image:
        image.thumbnail((PHOTO_SIDE_PX, PHOTO_SIDE_PX))
        shaded = ImageEnhance.Brightness(image.convert("RGB")).enhance(0.7 + 0.003 * number)
    return _encode(shaded, number)


def _encode(image: Image.Image, number: int) -> bytes:
    """Return a JPEG, every second one without colours: only those are colorized."""
    file = BytesIO()
    (image.convert("L") if number % 2 else image).save(file, "JPEG", quality=90)
    return file.getvalue()


async def compare_all(names: list[str], pictures: list[bytes], *, rounds: int) -> list[Agreement]:
    """Return how the answers of every RPC of some services compare, printed as they are found."""
    print("| RPC | answers under load | distinct | crossed | otherwise different | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    found = []
    for name in names:
        # Room for all at once: by default a service refuses what would wait too long.
        async with serving(
            name, max_waiting=1000, max_concurrent_rpcs=1000, default_deadline_s=3600
        ) as (channel, _):
            for rpc, call in CALLS[name].items():
                one = await _compare(rpc, call, channel, pictures, rounds=rounds)
                print(f"| {' | '.join(str(value) for value in asdict(one).values())} |", flush=True)
                found.append(one)
    return found


async def _compare(
    rpc: str, call: Call, channel: grpc.aio.Channel, pictures: list[bytes], *, rounds: int
) -> Agreement:
    began_s = monotonic()
    alone = [_to_bytes(await call(channel, picture)) for picture in pictures]
    known = set(alone)
    crossed = other = 0
    for _ in range(rounds):
        answers = await asyncio.gather(*(call(channel, picture) for picture in pictures))
        for expected, answer in zip(alone, map(_to_bytes, answers), strict=True):
            if answer != expected:
                crossed += answer in known
                other += answer not in known
    seconds = round(monotonic() - began_s, 1)
    return Agreement(rpc, rounds * len(pictures), len(known), crossed, other, seconds)


def _to_bytes(answer: Any) -> bytes:  # Any: the answer of any RPC, or all of a stream
    if isinstance(answer, list):
        return b"".join(map(_to_bytes, answer))
    timed = answer.page.read if isinstance(answer, RecognizeDocumentResponse) else answer
    timed.ClearField("seconds")
    content: bytes = answer.SerializeToString(deterministic=True)
    return content


if __name__ == "__main__":
    main()
