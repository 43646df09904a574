"""Train the emotion network on FER2013: python -m models.emotions.train --data PATH."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.augmentation import random_affine
from models.training.calibration import (
    classification_scores,
    fit_temperature,
    fold_temperature,
)
from models.training.pictures import PictureSet, load_pictures
from models.training.run import Options, Recipe, parse_options, train
from vision.emotions import EMOTIONS, FACE_SIZE_PX, emotion_network, normalise_faces
from vision.network import ResidualNetwork

_BATCH = 64
_EVALUATION_BATCH = 512
_LABEL_SMOOTHING = 0.1
# The side of the faces until each share of the run is over: small ones buy epochs.
_SIZES_PX = ((0.5, 32), (1.0, FACE_SIZE_PX))
_WEIGHTS = Path("services/vision/src/vision/weights/emotions.safetensors")


class EmotionTask:
    """FER2013 faces, augmented, with label smoothing."""

    def __init__(self, options: Options) -> None:
        self._training = _load(options, "train")
        self._validation = _load(options, "val")
        self.recipe = Recipe(
            steps_per_epoch=len(self._training.labels) // _BATCH,
            peak_rate=0.06,
            weight_decay=5e-4,
        )

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield augmented faces (64, 1, side, side) in [0, 255] and their emotions."""
        size_px = next(size for end, size in _SIZES_PX if progress < end)
        faces, labels = self._training.pictures, torch.from_numpy(self._training.labels)
        for chosen in torch.split(torch.randperm(len(labels)), _BATCH)[
            : self.recipe.steps_per_epoch
        ]:
            pictures = torch.from_numpy(faces[chosen.numpy()]).permute(0, 3, 1, 2).float() / 255
            moved = random_affine(pictures, size_px=size_px, degrees=10, shift=0.1, least_scale=0.8)
            yield moved * 255, labels[chosen]

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the smoothed cross-entropy."""
        logits = network(normalise_faces(inputs).contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits.float(), targets, label_smoothing=_LABEL_SMOOTHING)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the scores on PublicTest, each face averaged with its mirror image."""
        labels = torch.from_numpy(self._validation.labels)
        plain, mirrored = self._logits(network)
        return classification_scores((plain.softmax(1) + mirrored.softmax(1)) / 2, labels)

    def finish(self, network: nn.Module) -> None:
        """Calibrate the network on PublicTest."""
        if not isinstance(network, ResidualNetwork):
            raise TypeError("an emotion network is a ResidualNetwork")
        plain, mirrored = self._logits(network)
        labels = torch.from_numpy(self._validation.labels)
        temperature = fit_temperature(torch.cat([plain, mirrored]), torch.cat([labels, labels]))
        fold_temperature(network.head, temperature)

    @torch.inference_mode()
    def _logits(self, network: nn.Module) -> tuple[Tensor, Tensor]:
        faces = torch.from_numpy(self._validation.pictures).permute(0, 3, 1, 2)
        plain = [network(normalise_faces(part)) for part in torch.split(faces, _EVALUATION_BATCH)]
        flipped = torch.split(faces.flip(-1), _EVALUATION_BATCH)
        mirrored = [network(normalise_faces(part)) for part in flipped]
        return torch.cat(plain), torch.cat(mirrored)


def _load(options: Options, part: str) -> PictureSet:
    return load_pictures(
        [options.data / "fer2013" / f"{part}.zip"],
        [name.lower() for name in EMOTIONS],
        mode="L",
        cache=options.out.parent / "cache" / f"fer2013-{part}.npy",
    )


def main() -> None:
    """Run the training."""
    options = parse_options("emotions", epochs=30, weights=_WEIGHTS)
    torch.manual_seed(options.seed)
    train(EmotionTask(options), emotion_network(), options)


if __name__ == "__main__":
    main()
