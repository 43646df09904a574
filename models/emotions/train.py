"""Train the emotion network on FER2013: python -m models.emotions.train --data PATH."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.augmentation import random_affine
from models.training.calibration import (
    classification_scores,
    fit_temperature,
    fold_temperature,
)
from models.training.encoders import load_lite0
from models.training.images import ImageSet, load_images
from models.training.run import Options, Recipe, parse_options, train
from vision.networks import EmotionNetwork, normalise_faces

EMOTION_FOLDERS = ("neutral", "happy", "fear", "disgust", "sad", "angry", "surprise")
_BATCH = 64
# Side of the faces until each share of the run is over: small ones buy epochs.
_SIZES_PX = ((0.45, 64), (1.0, 96))
_LABEL_SMOOTHING = 0.1
_MIXED = 0.2  # alpha of the beta distribution; Zhang et al. 2018 (arXiv:1710.09412)
_MIXED_UNTIL = 0.7  # share of the run; clean faces at the end
# Rare emotions weigh more, or Disgust (1.5 % of the faces) would never be the answer.
_RARITY_POWER = 0.3
_EVALUATION_BATCH = 256


class EmotionTask:
    """FER2013 with mixup, label smoothing and faces moved, turned, zoomed and mirrored."""

    def __init__(self, options: Options) -> None:
        self._training, self._validation = _load(options, "train"), _load(options, "val")
        counts = np.bincount(self._training.labels)
        weights = torch.from_numpy((counts / counts.mean()) ** -_RARITY_POWER).float()
        self._weights = weights / weights.mean()
        self.recipe = Recipe(
            steps_per_epoch=len(self._training.labels) // _BATCH,
            peak_rate=7e-4,
            weight_decay=0.05,
            warm_up_share=0.1,
        )

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield augmented faces (batch, 1, side, side) in [0, 255] and class shares (batch, 7)."""
        size_px = next(size for end, size in _SIZES_PX if progress < end)
        labels = torch.from_numpy(self._training.labels)
        order = torch.randperm(len(labels))
        for chosen in torch.split(order, _BATCH)[: self.recipe.steps_per_epoch]:
            array = self._training.images[chosen.numpy()]
            faces = torch.from_numpy(array).permute(0, 3, 1, 2).float()
            moved = random_affine(faces, size_px=size_px, degrees=12, shift=0.1, least_scale=0.8)
            shares = functional.one_hot(labels[chosen], len(EMOTION_FOLDERS)).float()
            yield _mix(moved, shares) if progress < _MIXED_UNTIL else (moved, shares)

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the smoothed cross-entropy, rare classes lifted."""
        assert isinstance(network, EmotionNetwork)  # noqa: S101 - for mypy
        faces = normalise_faces(inputs).contiguous(memory_format=torch.channels_last)
        return functional.cross_entropy(
            network.network(faces).float(),
            targets,
            self._weights.to(targets.device),
            label_smoothing=_LABEL_SMOOTHING,
        )

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the scores on PublicTest, as the service answers, and the least recall."""
        labels = torch.from_numpy(self._validation.labels)
        plain, mirrored = self._logits(network)
        shares = (plain.softmax(1) + mirrored.softmax(1)) / 2
        right = shares.argmax(dim=1) == labels
        recalls = [
            right[labels == index].float().mean().item() for index in range(len(EMOTION_FOLDERS))
        ]
        return {**classification_scores(shares, labels), "least_recall": round(min(recalls), 4)}

    def finish(self, network: nn.Module) -> None:
        """Calibrate the network on PublicTest."""
        assert isinstance(network, EmotionNetwork)  # noqa: S101 - for mypy
        plain, mirrored = self._logits(network)
        labels = torch.from_numpy(self._validation.labels)
        temperature = fit_temperature(torch.cat([plain, mirrored]), torch.cat([labels, labels]))
        fold_temperature(network.network.head, temperature)

    @torch.inference_mode()
    def _logits(self, network: nn.Module) -> tuple[Tensor, Tensor]:
        assert isinstance(network, EmotionNetwork)  # noqa: S101 - for mypy
        device = next(network.parameters()).device
        size_px = _SIZES_PX[-1][1]
        plain, mirrored = [], []
        for part in torch.split(torch.from_numpy(self._validation.images), _EVALUATION_BATCH):
            small = part.permute(0, 3, 1, 2).float()
            faces = functional.interpolate(
                small, size=(size_px, size_px), mode="bicubic", align_corners=False
            ).clamp(0, 255)
            inputs = normalise_faces(faces.to(device)).contiguous(memory_format=torch.channels_last)
            plain.append(network.network(inputs).cpu())
            mirrored.append(network.network(inputs.flip(-1)).cpu())
        return torch.cat(plain), torch.cat(mirrored)


def _mix(faces: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Return each face blended with another one of the batch, its class shares too."""
    most = float(np.random.default_rng(int(torch.randint(2**31, ()))).beta(_MIXED, _MIXED))
    other = torch.randperm(len(faces))
    return faces.lerp(faces[other], 1 - most), shares.lerp(shares[other], 1 - most)


def _load(options: Options, part: str) -> ImageSet:
    return load_images(
        [options.data / "fer2013" / f"{part}.zip"],
        EMOTION_FOLDERS,
        mode="L",
        cache=options.out.parent / "cache" / f"fer2013-{part}.npy",
    )


def main() -> None:
    """Run the training."""
    options = parse_options("emotions", epochs=12)
    torch.manual_seed(options.seed)
    network = EmotionNetwork()
    load_lite0(network.network)
    train(EmotionTask(options), network, options)


if __name__ == "__main__":
    main()
