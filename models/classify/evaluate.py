"""Score the classifier on photos: python -m models.classify.evaluate --photos PHOTOS.zip.

The table beside the zip, photos.tsv, has the columns file and label_index_1000.
"""

import csv
import json
from pathlib import Path

import cyclopts
import numpy as np
import torch

from modelkit.manifest import load_manifest
from modelkit.runtime import Runtime
from models.training.calibration import classification_scores, fit_temperature
from models.training.images import read_photos
from vision.classifier import cut_squares
from vision.loaders import Loaders
from vision.settings import VisionSettings


def main(*, photos: Path, shape: float = 1.0, fit: bool = False) -> None:
    """Score the shipped classifier.

    Args:
        photos: Zip of JPEG files.
        shape: Cut the photos so much wider than high first.
        fit: Print the factor of the temperature that fits the scores best.
    """
    settings = VisionSettings(threads=1)
    loaded = Loaders(settings, load_manifest("vision"), Runtime(threads=1)).classifier()
    classes = read_labels(photos.with_suffix(".tsv"))
    rows, labels = [], []
    for name, photo in read_photos(photos):
        height = round(photo.shape[0] / shape)
        top = (photo.shape[0] - height) // 2
        (answer,) = loaded.model.confidences([cut_squares(photo[top : top + height])])
        rows.append(answer)
        labels.append(classes[name])
    confidences, truths = torch.from_numpy(np.stack(rows)), torch.tensor(labels)
    scores = classification_scores(confidences, truths)
    print(json.dumps({"model": loaded.entry.name, "photos": len(labels), **scores}))
    if fit:
        print(json.dumps({"factor": fit_temperature(confidences.clamp_min(1e-12).log(), truths)}))


def read_labels(table: Path) -> dict[str, int]:
    """Return the class of each file."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["file"]: int(row["label_index_1000"]) for row in rows}


if __name__ == "__main__":
    cyclopts.run(main)
