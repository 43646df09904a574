"""Train the emotion network on FER2013: python -m models.emotions.train --data PATH."""

from pathlib import Path

import torch
from torch import Tensor

from models.training.augmentation import random_affine
from models.training.classification import ClassificationTask
from models.training.pictures import PictureSet, load_pictures
from models.training.run import Options, Recipe, parse_options, train
from vision.emotions import EMOTIONS, FACE_SIZE_PX, emotion_network, normalise_faces

_BATCH = 64
# The side of the faces until each share of the run is over: small ones buy epochs.
_SIZES_PX = ((0.5, 32), (1.0, FACE_SIZE_PX))
_WEIGHTS = Path("services/vision/src/vision/weights/emotions.safetensors")


def main() -> None:
    """Run the training."""
    options = parse_options("emotions", epochs=30, weights=_WEIGHTS)
    torch.manual_seed(options.seed)
    train(_task(options), emotion_network(), options)


def _task(options: Options) -> ClassificationTask:
    training, validation = _load(options, "train"), _load(options, "val")
    recipe = Recipe(
        steps_per_epoch=len(training.labels) // _BATCH, peak_rate=0.06, weight_decay=5e-4
    )
    return ClassificationTask(
        training, validation, recipe, _BATCH, _SIZES_PX, _augment, normalise_faces
    )


def _load(options: Options, part: str) -> PictureSet:
    return load_pictures(
        [options.data / "fer2013" / f"{part}.zip"],
        [name.lower() for name in EMOTIONS],
        mode="L",
        cache=options.out.parent / "cache" / f"fer2013-{part}.npy",
    )


def _augment(faces: Tensor, size_px: int) -> Tensor:
    return random_affine(faces, size_px=size_px, degrees=10, shift=0.1, least_scale=0.8)


if __name__ == "__main__":
    main()
