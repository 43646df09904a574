"""Score the standard classifier on photos: python -m benchmarks.classify NETWORK PHOTOS_FOLDER."""

import argparse
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from modelkit.images import RgbImage
from models.training.calibration import classification_scores
from vision.mobilenet import MobilenetClassifier


def main() -> None:
    """Print top-1, top-5 and calibration error over a folder with photos.zip and photos.tsv."""
    parser = argparse.ArgumentParser(description="Score the standard classifier on photos.")
    parser.add_argument("network", type=Path, help="the TFLite file")
    parser.add_argument("folder", type=Path, help="holds photos.zip and photos.tsv")
    arguments = parser.parse_args()
    classifier = MobilenetClassifier(arguments.network, threads=1)
    rows, truths = [], []
    for photo, truth in read_photos(arguments.folder):
        rows.append(classifier.confidences(photo))
        truths.append(truth)
    scores = classification_scores(torch.from_numpy(np.stack(rows)), torch.tensor(truths))
    print(json.dumps({"photos": len(rows), **scores}))


def read_photos(folder: Path) -> Iterator[tuple[RgbImage, int]]:
    """Yield each photo, (height, width, 3) uint8, with its index among ImageNet's thousand."""
    with (
        (folder / "photos.tsv").open(newline="", encoding="utf-8") as table,
        zipfile.ZipFile(folder / "photos.zip") as photos,
    ):
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            photo = Image.open(io.BytesIO(photos.read(row["file"]))).convert("RGB")
            yield np.asarray(photo), int(row["label_index_1000"])


if __name__ == "__main__":
    main()
