"""Print the share of harmless photos that the vision service calls nude.

python -m benchmarks.photos FOLDER_OR_ZIP ...
"""

import asyncio
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import numpy as np

from benchmarks.processes import serving
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc

THRESHOLDS = (0.2, 0.5, 0.8, 0.9)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def main(*places: Path, device: str = "cpu") -> None:
    """Print the share of the photos in each folder or zip at or above each threshold."""
    for place in places:
        names, photos = zip(*read_photos(place), strict=True)
        scores = np.array(asyncio.run(_judge(photos, device=device)))
        shares = ", ".join(f"{(scores >= one).mean():.1%} at {one}" for one in THRESHOLDS)
        highest = names[int(scores.argmax())]
        print(f"{place.name}: {len(names)} photos, {shares}; {highest} has {scores.max():.3f}")


async def _judge(photos: tuple[bytes, ...], *, device: str) -> list[float]:
    async with serving("vision", {"device": device}) as (channel, _):
        stub = rpc.VisionServiceStub(channel)
        requests = (pb.DetectNudityRequest(image=photo) for photo in photos)
        return [(await stub.DetectNudity(request)).confidence for request in requests]


def read_photos(place: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the images in a folder or zip, ordered by name."""
    if place.suffix == ".zip":
        with zipfile.ZipFile(place) as archive:
            for name in sorted(archive.namelist()):
                if name.lower().endswith(SUFFIXES):
                    yield name, archive.read(name)
        return
    for path in sorted(place.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            yield path.name, path.read_bytes()


if __name__ == "__main__":
    cyclopts.run(main)
