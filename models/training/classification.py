"""Train a network that names one class of a picture, as the vision service has two."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.calibration import (
    classification_scores,
    fit_temperature,
    fold_temperature,
)
from models.training.pictures import PictureSet
from models.training.run import Recipe
from vision.network import ResidualNetwork

_LABEL_SMOOTHING = 0.1
_EVALUATION_BATCH = 500


@dataclass(frozen=True, slots=True)
class ClassificationTask:
    """Pictures with one class each, augmented at growing sizes, with label smoothing.

    Attributes:
        training: what is learned from.
        validation: what scores and temperature come from.
        recipe: schedule of the run.
        batch: pictures in a step.
        sizes_px: the side of the pictures until each share of the run is over, as (share, side).
        augment: changes a batch (n, channels, height, width) in [0, 1] at random and gives it the
            side that it is told.
        normalise: what the service does to pixels in [0, 255] before the network.
    """

    training: PictureSet
    validation: PictureSet
    recipe: Recipe
    batch: int
    sizes_px: tuple[tuple[float, int], ...]
    augment: Callable[[Tensor, int], Tensor]
    normalise: Callable[[Tensor], Tensor]

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield augmented pictures (batch, channels, side, side) in [0, 255] and their classes."""
        size_px = next(size for end, size in self.sizes_px if progress < end)
        labels = torch.from_numpy(self.training.labels)
        for chosen in torch.split(torch.randperm(len(labels)), self.batch)[
            : self.recipe.steps_per_epoch
        ]:
            array = self.training.pictures[chosen.numpy()]
            pictures = torch.from_numpy(array).permute(0, 3, 1, 2).float() / 255
            yield self.augment(pictures, size_px) * 255, labels[chosen]

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the smoothed cross-entropy."""
        logits = network(self.normalise(inputs).contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits.float(), targets, label_smoothing=_LABEL_SMOOTHING)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the scores on the validation set, each picture averaged with its mirror image."""
        labels = torch.from_numpy(self.validation.labels)
        plain, mirrored = self._logits(network)
        return classification_scores((plain.softmax(1) + mirrored.softmax(1)) / 2, labels)

    def finish(self, network: nn.Module) -> None:
        """Calibrate the network on the validation set."""
        if not isinstance(network, ResidualNetwork):
            raise TypeError("a classification network is a ResidualNetwork")
        plain, mirrored = self._logits(network)
        labels = torch.from_numpy(self.validation.labels)
        temperature = fit_temperature(torch.cat([plain, mirrored]), torch.cat([labels, labels]))
        fold_temperature(network.head, temperature)

    @torch.inference_mode()
    def _logits(self, network: nn.Module) -> tuple[Tensor, Tensor]:
        pictures = torch.from_numpy(self.validation.pictures).permute(0, 3, 1, 2)
        device = next(network.parameters()).device
        parts = [
            self.normalise(part.to(device)) for part in torch.split(pictures, _EVALUATION_BATCH)
        ]
        plain = torch.cat([network(part) for part in parts])
        return plain.cpu(), torch.cat([network(part.flip(-1)) for part in parts]).cpu()
