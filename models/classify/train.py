"""Train the classifier on Tiny ImageNet: python -m models.classify.train --data PATH."""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.augmentation import random_affine, random_light
from models.training.calibration import (
    classification_scores,
    fit_temperature,
    fold_temperature,
)
from models.training.pictures import load_pictures, read_classes
from models.training.run import Options, Recipe, parse_options, train
from vision.classifier import classification_network, normalise_pictures
from vision.network import ResidualNetwork

_BATCH = 128
_EVALUATION_BATCH = 500
_LABEL_SMOOTHING = 0.1
# The side of the pictures until each share of the run is over: small ones buy epochs.
_SIZES_PX = ((0.5, 32), (0.8, 48), (1.0, 64))
_WEIGHTS = Path("services/vision/src/vision/weights/classify.safetensors")


class ClassificationTask:
    """Tiny ImageNet at growing sizes, augmented, with label smoothing."""

    def __init__(self, options: Options) -> None:
        folder = options.data / "tiny-imagenet"
        classes = read_classes(folder / "classes.tsv")
        cache = options.out.parent / "cache"
        self._training = load_pictures(
            [folder / f"train-{part}.zip" for part in range(8)],
            list(classes),
            mode="RGB",
            cache=cache / "tiny-imagenet-train.npy",
        )
        self._validation = load_pictures(
            [folder / "val.zip"], list(classes), mode="RGB", cache=cache / "tiny-imagenet-val.npy"
        )
        tags = json.dumps(list(classes.values()), indent=0) + "\n"
        options.weights.with_suffix(".tags.json").write_text(tags, encoding="utf-8")
        self.recipe = Recipe(
            steps_per_epoch=len(self._training.labels) // _BATCH,
            peak_rate=0.2,
            weight_decay=2e-4,
        )

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield augmented pictures (128, 3, side, side) in [0, 255] and their classes."""
        size_px = next(size for end, size in _SIZES_PX if progress < end)
        labels = torch.from_numpy(self._training.labels)
        for chosen in torch.split(torch.randperm(len(labels)), _BATCH)[
            : self.recipe.steps_per_epoch
        ]:
            array = self._training.pictures[chosen.numpy()]
            pictures = torch.from_numpy(array).permute(0, 3, 1, 2).float() / 255
            smaller = functional.interpolate(
                pictures, size=(size_px, size_px), mode="bilinear", antialias=True
            )
            moved = random_affine(smaller, size_px=size_px, degrees=5, shift=0.05, least_scale=0.65)
            yield random_light(moved, strength=0.2) * 255, labels[chosen]

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the smoothed cross-entropy."""
        logits = network(normalise_pictures(inputs).contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits.float(), targets, label_smoothing=_LABEL_SMOOTHING)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the scores on the validation set, each picture averaged with its mirror image."""
        labels = torch.from_numpy(self._validation.labels)
        plain, mirrored = self._logits(network)
        return classification_scores((plain.softmax(1) + mirrored.softmax(1)) / 2, labels)

    def finish(self, network: nn.Module) -> None:
        """Calibrate the network on the validation set."""
        if not isinstance(network, ResidualNetwork):
            raise TypeError("a classification network is a ResidualNetwork")
        plain, mirrored = self._logits(network)
        labels = torch.from_numpy(self._validation.labels)
        temperature = fit_temperature(torch.cat([plain, mirrored]), torch.cat([labels, labels]))
        fold_temperature(network.head, temperature)

    @torch.inference_mode()
    def _logits(self, network: nn.Module) -> tuple[Tensor, Tensor]:
        pictures = torch.from_numpy(self._validation.pictures).permute(0, 3, 1, 2)
        parts = [normalise_pictures(part) for part in torch.split(pictures, _EVALUATION_BATCH)]
        plain = torch.cat([network(part) for part in parts])
        return plain, torch.cat([network(part.flip(-1)) for part in parts])


def main() -> None:
    """Run the training."""
    options = parse_options("classify", epochs=30, weights=_WEIGHTS)
    torch.manual_seed(options.seed)
    train(ClassificationTask(options), classification_network(), options)


if __name__ == "__main__":
    main()
