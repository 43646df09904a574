"""Train the classifier on Tiny ImageNet: python -m models.classify.train --data PATH."""

import json
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from models.training.augmentation import random_affine, random_light
from models.training.classification import ClassificationTask
from models.training.pictures import load_pictures, read_classes
from models.training.run import Options, Recipe, parse_options, train
from vision.classifier import classification_network, normalise_pictures

_BATCH = 128
# The side of the pictures until each share of the run is over: small ones buy epochs.
_SIZES_PX = ((0.5, 32), (0.8, 48), (1.0, 64))
_WEIGHTS = Path("services/vision/src/vision/weights/classify.safetensors")


def main() -> None:
    """Run the training; the names of the classes are written beside the weights."""
    options = parse_options("classify", epochs=30, weights=_WEIGHTS)
    torch.manual_seed(options.seed)
    classes = read_classes(options.data / "tiny-imagenet" / "classes.tsv")
    tags = json.dumps(list(classes.values()), indent=0) + "\n"
    options.weights.with_suffix(".tags.json").write_text(tags, encoding="utf-8")
    train(_task(options, list(classes)), classification_network(), options)


def _task(options: Options, classes: list[str]) -> ClassificationTask:
    folder, cache = options.data / "tiny-imagenet", options.out.parent / "cache"
    archives = [folder / f"train-{part}.zip" for part in range(8)]
    training = load_pictures(archives, classes, mode="RGB", cache=cache / "tiny-imagenet-train.npy")
    validation = load_pictures(
        [folder / "val.zip"], classes, mode="RGB", cache=cache / "tiny-imagenet-val.npy"
    )
    recipe = Recipe(
        steps_per_epoch=len(training.labels) // _BATCH, peak_rate=0.2, weight_decay=5e-4
    )
    return ClassificationTask(
        training, validation, recipe, _BATCH, _SIZES_PX, _augment, normalise_pictures
    )


def _augment(pictures: Tensor, size_px: int) -> Tensor:
    smaller = functional.interpolate(
        pictures, size=(size_px, size_px), mode="bilinear", antialias=True
    )
    moved = random_affine(smaller, size_px=size_px, degrees=5, shift=0.05, least_scale=0.65)
    return random_light(moved, strength=0.2)


if __name__ == "__main__":
    main()
