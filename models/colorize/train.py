"""Train the color network on Tiny ImageNet and photos: python -m models.colorize.train --data PATH.

The first part of the run trains the decoder over the published encoder, which ONNX Runtime computes
three times as fast as torch; the rest trains both.
"""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from colorize.network import OUTPUT_STRIDE_PX, ChromaNetwork, ColorNetwork
from models.colorize.export import REWARD, SHARPNESS, SOFTNESS
from models.colorize.old_film import age_lightness
from models.training.augmentation import random_affine
from models.training.encoders import load_lite0_encoder
from models.training.export import FrozenEncoder
from models.training.images import ImageSet, load_images, read_classes, read_photos
from models.training.run import Options, Recipe, parse_options, train

PHOTOS = ("imagenet-samples.zip", "bsds500.zip", "clothing.zip")
_BATCH = 64
_SHARP = 20  # photos in a batch; the others are enlarged from 64 px
# Side of the images until each share of the run is over: small ones buy steps.
_SIZES_PX = ((0.3, 96), (1.0, 128))
_FROZEN_SHARE = 0.6  # of the run, in which the encoder stays as it was published
_LEAST_CROP = 0.45  # of a photo's short side
_STEPS_PER_EPOCH = 200
_BIN_SIDE = 10.0  # of ab; Zhang et al. 2016, section 2.1
_CELLS = torch.arange(-13, 14)  # of that side: all that a and b can be
_LEAST_BIN_COUNT = 200  # pixels of the sample; rarer colors go to the nearest kept bin
_SAMPLE = 8000  # images that the bins are counted on
_GREY_CHROMA = 4.0  # mean chroma below it is a grey image, of which there is nothing to learn
# How far rare colors are lifted: 1 is Zhang et al. (vivid, further from the truth), 0 is nothing
# (close to the mean, brown).
_REBALANCE = 0.5
_UNIFORM_SHARE = 0.5  # lambda of Zhang et al. 2016, section 2.2
_EVALUATED = 512
_EVALUATION_BATCH = 64
_EVALUATION_SIZE_PX = 128


class ColorTask:
    """Images in color: lightness aged as old film, cross-entropy over color bins."""

    def __init__(self, options: Options) -> None:
        everything = _load(options, "train", [f"train-{part}" for part in range(8)])
        self._small = everything.images
        self._colored = _colored(self._small)
        self._photos = _load_photos([options.data / "photos" / name for name in PHOTOS])
        self._validation = _load(options, "val", ["val"]).images[:_EVALUATED]
        self.colors, self._weights, self._nearest = _find_bins(self._small, self._colored)
        self._frozen: FrozenEncoder | None = None
        self._progress = 0.0
        self.recipe = Recipe(
            steps_per_epoch=max(1, min(_STEPS_PER_EPOCH, len(self._colored) // _BATCH)),
            peak_rate=2e-3,
            weight_decay=0.02,
            warm_up_share=0.1,
            encoder_rate_share=0.15,
        )

    @property
    def lifts(self) -> Tensor:
        """Logarithm of each bin's weight in the loss."""
        return self._weights.log()

    def use_frozen(self, encoder: FrozenEncoder) -> None:
        """Let ONNX Runtime compute the encoder while it is not trained."""
        self._frozen = encoder

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield aged lightness (batch, 1, side, side) in [-1, 1] and each output pixel's bin."""
        self._progress = progress
        size_px = next(size for end, size in _SIZES_PX if progress < end)
        generator = np.random.default_rng(int(torch.randint(2**31, ())))
        for _ in range(self.recipe.steps_per_epoch):
            chosen = np.sort(generator.choice(self._colored, _BATCH - _SHARP, replace=False))
            small = torch.from_numpy(self._small[chosen]).permute(0, 3, 1, 2).float() / 255
            moved = random_affine(small, size_px=size_px, degrees=5, shift=0.05, least_scale=0.5)
            sharp = [
                _crop(self._photos[index], size_px, generator)
                for index in generator.integers(len(self._photos), size=_SHARP)
            ]
            crops = torch.from_numpy(np.stack(sharp)).permute(0, 3, 1, 2).float() / 255
            lab = to_lab(torch.cat([moved, crops]))
            targets = self._nearest_bins(functional.avg_pool2d(lab[:, 1:], OUTPUT_STRIDE_PX))
            yield age_lightness(lab[:, :1] / 100) * 2 - 1, targets

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the rebalanced cross-entropy over the bins."""
        assert isinstance(network, ColorNetwork)  # noqa: S101 - for mypy
        network.encoder.eval()  # its batch norms keep the published statistics
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        if self._progress < _FROZEN_SHARE and self._frozen is not None:
            pyramid = self._frozen(inputs)
        else:
            pyramid = network.encoder(inputs)
        # One row per pixel: over channels in the middle the same loss costs a quarter of the step.
        rows = network.decoder(pyramid).permute(0, 2, 3, 1).flatten(0, 2)
        weights = self._weights.to(rows.device)
        return functional.cross_entropy(rows.float(), targets.flatten(), weights)

    @torch.inference_mode()
    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the mean absolute error of ab beside that of plain grey, and the mean chroma."""
        assert isinstance(network, ColorNetwork)  # noqa: S101 - for mypy
        images = torch.from_numpy(self._validation).permute(0, 3, 1, 2).float() / 255
        larger = functional.interpolate(
            images, size=(_EVALUATION_SIZE_PX, _EVALUATION_SIZE_PX), mode="bilinear"
        )
        lab = to_lab(larger)
        truth = functional.avg_pool2d(lab[:, 1:], OUTPUT_STRIDE_PX)
        device = next(network.parameters()).device
        chooser = ChromaNetwork(len(network.colors))
        chooser.network = network
        chooser.to(device).settle(reward=REWARD, sharpness=SHARPNESS, softness=SOFTNESS)
        guesses = [
            chooser(part.to(device)).cpu() for part in torch.split(lab[:, :1], _EVALUATION_BATCH)
        ]
        guess = torch.cat(guesses)
        return {
            "ab_error": round((guess - truth).abs().mean().item(), 3),
            "ab_error_of_grey": round(truth.abs().mean().item(), 3),
            "chroma_share": round((guess.norm(dim=1).mean() / truth.norm(dim=1).mean()).item(), 3),
        }

    def finish(self, network: nn.Module) -> None:
        """Leave the network as it is: `models.colorize.export` takes the weights of bins back."""

    def _nearest_bins(self, colors: Tensor) -> Tensor:
        """Return the bin of each pixel, (count, height, width), for ab (count, 2, ...)."""
        return self._nearest[_cells(colors)]


def to_lab(images: Tensor) -> Tensor:
    """Return CIELAB, (count, 3, side, side): L in [0, 100], a and b in [-127, 127].

    Args:
        images: (count, 3, side, side) float in [0, 1], sRGB.
    """
    count, _, height, width = images.shape
    tall = images.permute(0, 2, 3, 1).reshape(count * height, width, 3).contiguous()
    lab = torch.from_numpy(cv2.cvtColor(tall.numpy(), cv2.COLOR_RGB2LAB))
    return lab.view(count, height, width, 3).permute(0, 3, 1, 2)


def _crop(
    photo: NDArray[np.uint8], size_px: int, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a random square of a photo, half of them mirrored, at the size of the batch."""
    height, width = photo.shape[:2]
    side = round(min(height, width) * generator.uniform(_LEAST_CROP, 1))
    top, left = generator.integers(height - side + 1), generator.integers(width - side + 1)
    square = photo[top : top + side, left : left + side, :: generator.choice([1, -1])]
    how = cv2.INTER_AREA if side > size_px else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(np.ascontiguousarray(square), (size_px, size_px), interpolation=how)
    )


def _load_photos(archives: Iterable[Path]) -> list[NDArray[np.uint8]]:
    """Return the photos of zip archives that have colors, (height, width, 3) uint8 each."""
    return [
        photo
        for archive in archives
        for _, photo in read_photos(archive)
        if len(_colored(photo[np.newaxis]))
    ]


def _colored(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    chromas = []
    for start in range(0, len(images), 1000):
        part = torch.from_numpy(images[start : start + 1000, ::4, ::4]).permute(0, 3, 1, 2)
        chromas.append(to_lab(part.float() / 255)[:, 1:].norm(dim=1).mean(dim=(1, 2)))
    return np.flatnonzero(torch.cat(chromas).numpy() > _GREY_CHROMA)


def _cells(colors: Tensor) -> Tensor:
    """Return the number of the grid cell of each pixel, (count, height, width)."""
    row, column = ((colors / _BIN_SIDE).round().long() - _CELLS[0]).unbind(dim=1)
    return row * len(_CELLS) + column


def _find_bins(
    images: NDArray[np.uint8], colored: NDArray[np.int64]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ab of each kept bin, its weight in the loss, the nearest kept bin of each cell."""
    sample = images[colored[:: max(1, len(colored) // _SAMPLE)], ::2, ::2]
    lab = to_lab(torch.from_numpy(sample).permute(0, 3, 1, 2).float() / 255)
    grid = torch.cartesian_prod(_CELLS, _CELLS) * _BIN_SIDE
    counts = torch.bincount(_cells(lab[:, 1:]).flatten(), minlength=len(grid))
    kept = counts >= _LEAST_BIN_COUNT
    colors, shares = grid[kept], counts[kept] / counts[kept].sum()
    even = (1 - _UNIFORM_SHARE) * shares + _UNIFORM_SHARE / len(shares)
    weights = even**-_REBALANCE
    nearest = torch.cdist(grid, colors).argmin(dim=1)
    return colors, weights / (weights * shares).sum(), nearest


def _load(options: Options, name: str, parts: list[str]) -> ImageSet:
    folder = options.data / "tiny-imagenet"
    return load_images(
        [folder / f"{part}.zip" for part in parts],
        list(read_classes(folder / "classes.tsv")),
        mode="RGB",
        cache=options.out.parent / "cache" / f"tiny-imagenet-{name}.npy",
    )


def main() -> None:
    """Run the training."""
    options = parse_options("colorize", epochs=100)
    torch.manual_seed(options.seed)
    task = ColorTask(options)
    network = ColorNetwork(len(task.colors))
    network.colors.copy_(task.colors)
    network.lifts.copy_(task.lifts)
    load_lite0_encoder(network.encoder)
    if options.device == "cpu":
        task.use_frozen(FrozenEncoder(network.encoder, threads=options.threads))
    train(task, network, options)


if __name__ == "__main__":
    main()
