"""Score the vision service's answers to photos: python -m benchmarks.photos.

    python -m benchmarks.photos classify FOLDER [--profile P] [--device D]
    python -m benchmarks.photos nudity FOLDER_OR_ZIP ...

`classify` reads photos.zip and photos.tsv and prints how often the first and one of the first five
labels are right, and the expected calibration error. `nudity` prints which share of harmless photos
is called nude. Both ask a real service.
"""

import asyncio
import csv
import json
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import serving
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc

BINS = 15  # of the expected calibration error: Guo et al. 2017, section 4
THRESHOLDS = (0.2, 0.5, 0.8, 0.9)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

app = cyclopts.App(help=__doc__)


@app.command
def classify(folder: Path, *, profile: str = "embedded", device: str = "cpu") -> None:
    """Score the classifier on photos with known labels."""
    tags = json.loads(files("vision").joinpath("imagenet.tags.json").read_text(encoding="utf-8"))
    with (folder / "photos.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    photos = dict(read_photos(folder / "photos.zip"))
    requests = [pb.ClassifyRequest(image=photos[row["file"]]) for row in rows]
    answers = asyncio.run(_ask("Classify", requests, profile=profile, device=device))
    truths = [tags[int(row["label_index_1000"])] for row in rows]
    ranked = [[label.tag for label in answer.labels] for answer in answers]
    first = np.array([own[0] == truth for own, truth in zip(ranked, truths, strict=True)])
    five = np.array([truth in own[:5] for own, truth in zip(ranked, truths, strict=True)])
    error = calibration_error(first, np.array([one.labels[0].confidence for one in answers]))
    print(f"{len(rows)} photos: top-1 {first.mean():.3f}, top-5 {five.mean():.3f}, ECE {error:.3f}")


@app.command
def nudity(places: list[Path], *, device: str = "cpu") -> None:
    """Print the share of harmless photos, in folders or zips, at or above each threshold."""
    for place in places:
        photos = dict(read_photos(place))
        requests = [pb.DetectNudityRequest(image=content) for content in photos.values()]
        answers = asyncio.run(_ask("DetectNudity", requests, device=device))
        scores = np.array([answer.confidence for answer in answers])
        shares = ", ".join(f"{(scores >= one).mean():.1%} at {one}" for one in THRESHOLDS)
        highest = list(photos)[int(scores.argmax())]
        print(f"{place.name}: {len(photos)} photos, {shares}; {highest} has {scores.max():.3f}")


# Any: requests and answers of any RPC.
async def _ask(method: str, requests: list[Any], **settings: str) -> list[Any]:
    async with serving("vision", settings) as (channel, _):
        stub: Any = rpc.VisionServiceStub(channel)
        call = getattr(stub, method)
        return [await call(request) for request in requests]


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


def calibration_error(is_right: NDArray[np.bool_], confidences: NDArray[np.float64]) -> float:
    """Return the expected calibration error of the first answers, in [0, 1].

    Source: Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    gaps = [abs(is_right[bins == one].sum() - confidences[bins == one].sum()) for one in set(bins)]
    return float(sum(gaps)) / len(is_right)


if __name__ == "__main__":
    app()
