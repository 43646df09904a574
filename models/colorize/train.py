"""Train the colour network on Tiny ImageNet: python -m models.colorize.train --data PATH."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from colorize.network import OUTPUT_STRIDE_PX, ColorNetwork, annealed_mean
from models.colorize.old_film import age_lightness
from models.training.augmentation import random_affine
from models.training.pictures import PictureSet, load_pictures, read_classes
from models.training.run import Options, Recipe, parse_options, train

_BATCH = 96
# The side of the pictures until each share of the run is over: small ones buy steps; the service
# shows the network larger ones.
_SIZES_PX = ((0.45, 48), (0.8, 64), (1.0, 96))
_STEPS_PER_EPOCH = 160  # a fifth of the pictures, so that sizes change when they should
_BIN_SIDE = 10.0  # of ab; Zhang et al. 2016, section 2.1
_CELLS = torch.arange(-13, 14)  # of that side: all that a and b can be
_LEAST_BIN_COUNT = 200  # pixels of the sample; rarer colours go to the nearest kept bin
_SAMPLE = 8000  # pictures that the bins are counted on
_GREY_CHROMA = 4.0  # mean chroma below it is a grey picture, of which there is nothing to learn
# How far rare colours are lifted: 1 is Zhang et al. (vivid, further from the truth), 0 is nothing
# (close to the mean, brown).
_REBALANCE = 0.5
_UNIFORM_SHARE = 0.5  # lambda of Zhang et al. 2016, section 2.2
_EVALUATED = 512
_EVALUATION_BATCH = 64
_TEMPERATURE = 0.4  # for the score only; the service has its own
_WEIGHTS = Path("services/colorize/src/colorize/weights/colorize.safetensors")


class ColorTask:
    """Tiny ImageNet in colour: lightness aged as old film, cross-entropy over colour bins."""

    def __init__(self, options: Options) -> None:
        everything = _load(options, "train", [f"train-{part}" for part in range(8)])
        self._pictures = everything.pictures
        self._coloured = _coloured(self._pictures)
        self._validation = _load(options, "val", ["val"]).pictures[:_EVALUATED]
        bins = _find_bins(self._pictures, self._coloured)
        self.colors, self._weights, self._nearest = bins
        steps = min(_STEPS_PER_EPOCH, len(self._coloured) // _BATCH)
        self.recipe = Recipe(steps_per_epoch=steps, peak_rate=0.1, weight_decay=1e-4)

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield aged lightness (batch, 1, side, side) in [-1, 1] and each output pixel's bin."""
        size_px = next(size for end, size in _SIZES_PX if progress < end)
        order = self._coloured[torch.randperm(len(self._coloured)).numpy()]
        for step in range(self.recipe.steps_per_epoch):
            chosen = np.sort(order[step * _BATCH : (step + 1) * _BATCH])
            pictures = torch.from_numpy(self._pictures[chosen]).permute(0, 3, 1, 2).float() / 255
            moved = random_affine(pictures, size_px=size_px, degrees=5, shift=0.05, least_scale=0.5)
            lab = to_lab(moved)
            targets = self._nearest_bins(functional.avg_pool2d(lab[:, 1:], OUTPUT_STRIDE_PX))
            yield age_lightness(lab[:, :1] / 100) * 2 - 1, targets

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the rebalanced cross-entropy over the bins."""
        logits = network(inputs.contiguous(memory_format=torch.channels_last))
        # One row per pixel: over channels in the middle the same loss costs a quarter of the step.
        rows = logits.permute(0, 2, 3, 1).flatten(0, 2)
        weights = self._weights.to(rows.device)
        return functional.cross_entropy(rows.float(), targets.flatten(), weights)

    @torch.inference_mode()
    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the mean absolute error of ab beside that of plain grey, and the mean chroma."""
        lab = to_lab(torch.from_numpy(self._validation).permute(0, 3, 1, 2).float() / 255)
        truth = functional.avg_pool2d(lab[:, 1:], OUTPUT_STRIDE_PX)
        device = next(network.parameters()).device
        parts = torch.split(lab[:, :1] / 50 - 1, _EVALUATION_BATCH)
        logits = torch.cat([network(part.to(device)).cpu() for part in parts])
        guess = annealed_mean(logits, self.colors, _TEMPERATURE)
        return {
            "ab_error": round((guess - truth).abs().mean().item(), 3),
            "ab_error_of_grey": round(truth.abs().mean().item(), 3),
            "chroma_share": round((guess.norm(dim=1).mean() / truth.norm(dim=1).mean()).item(), 3),
        }

    def finish(self, network: nn.Module) -> None:
        """Leave the network as it is: its bins are calibrated by their weights in the loss."""

    def _nearest_bins(self, colors: Tensor) -> Tensor:
        """Return the bin of each pixel, (count, height, width), for ab (count, 2, ...)."""
        return self._nearest[_cells(colors)]


def to_lab(pictures: Tensor) -> Tensor:
    """Return CIELAB, (count, 3, side, side): L in [0, 100], a and b in [-127, 127].

    Args:
        pictures: (count, 3, side, side) float in [0, 1], sRGB.
    """
    count, _, height, width = pictures.shape
    tall = pictures.permute(0, 2, 3, 1).reshape(count * height, width, 3).contiguous()
    lab = torch.from_numpy(cv2.cvtColor(tall.numpy(), cv2.COLOR_RGB2LAB))
    return lab.view(count, height, width, 3).permute(0, 3, 1, 2)


def _coloured(pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    chromas = []
    for start in range(0, len(pictures), 1000):
        part = torch.from_numpy(pictures[start : start + 1000, ::4, ::4]).permute(0, 3, 1, 2)
        chromas.append(to_lab(part.float() / 255)[:, 1:].norm(dim=1).mean(dim=(1, 2)))
    return np.flatnonzero(torch.cat(chromas).numpy() > _GREY_CHROMA)


def _cells(colors: Tensor) -> Tensor:
    """Return the number of the grid cell of each pixel, (count, height, width)."""
    row, column = ((colors / _BIN_SIDE).round().long() - _CELLS[0]).unbind(dim=1)
    return row * len(_CELLS) + column


def _find_bins(
    pictures: NDArray[np.uint8], coloured: NDArray[np.int64]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ab of each kept bin, its weight in the loss, the nearest kept bin of each cell."""
    sample = pictures[coloured[:_SAMPLE], ::2, ::2]
    lab = to_lab(torch.from_numpy(sample).permute(0, 3, 1, 2).float() / 255)
    grid = torch.cartesian_prod(_CELLS, _CELLS) * _BIN_SIDE
    counts = torch.bincount(_cells(lab[:, 1:]).flatten(), minlength=len(grid))
    kept = counts >= _LEAST_BIN_COUNT
    colors, shares = grid[kept], counts[kept] / counts[kept].sum()
    even = (1 - _UNIFORM_SHARE) * shares + _UNIFORM_SHARE / len(shares)
    weights = even**-_REBALANCE
    nearest = torch.cdist(grid, colors).argmin(dim=1)
    return colors, weights / (weights * shares).sum(), nearest


def _load(options: Options, name: str, parts: list[str]) -> PictureSet:
    folder = options.data / "tiny-imagenet"
    return load_pictures(
        [folder / f"{part}.zip" for part in parts],
        list(read_classes(folder / "classes.tsv")),
        mode="RGB",
        cache=options.out.parent / "cache" / f"tiny-imagenet-{name}.npy",
    )


def main() -> None:
    """Run the training."""
    options = parse_options("colorize", epochs=50, weights=_WEIGHTS)
    torch.manual_seed(options.seed)
    task = ColorTask(options)
    train(task, ColorNetwork(task.colors), options)


if __name__ == "__main__":
    main()
