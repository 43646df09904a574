"""Train the emotion network on FER2013: python -m models.emotions.train --data PATH."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.augmentation import random_affine
from models.training.calibration import (
    classification_scores,
    fit_temperature,
    fold_temperature,
)
from models.training.images import ImageSet, load_images
from models.training.run import Options, Recipe, parse_options, train
from vision.emotions import EMOTIONS, FACE_SIZE_PX
from vision.networks import EMOTION_WIDTHS, ResidualNetwork, normalize_faces

EMOTION_FOLDERS = tuple(name.lower() for name in EMOTIONS)
_BATCH = 64
# Side of the faces until each share of the run is over: small ones buy epochs.
_SIZES_PX = ((0.35, 32), (0.75, 40), (1.0, FACE_SIZE_PX))
_LABEL_SMOOTHING = 0.1
_MIXED_SHARE = 0.5  # of the batches, in which each face is blended with another
_MIXUP_ALPHA = 0.3  # Zhang et al. 2017 (arXiv:1710.09412)
_ERASED_SHARE = 0.5  # of the faces, which lose a rectangle; Zhong et al. 2017 (arXiv:1708.04896)
_ERASED_SIDES = (0.1, 0.4)  # of the image's side
# Rare classes, and Fear, which is taken for Sad and Surprise, weigh more in the loss.
_RARITY_POWER = 0.25
_FEAR_WEIGHT = 1.2
_EVALUATION_BATCH = 256


class EmotionTask:
    """FER2013 with label smoothing and faces moved, turned, zoomed and mirrored.

    Attributes:
        recipe: Schedule of the run.
        sizes_px: Ends of the parts of the run with the side of the faces in each.
        targets: (faces, 7) float32, the share of each class that a training face stands for.
        weights: (7,) float32, of each class in the loss.
    """

    sizes_px: Sequence[tuple[float, int]] = _SIZES_PX

    def __init__(self, options: Options) -> None:
        self._training, self._validation = _load(options, "train"), _load(options, "val")
        self.recipe = Recipe(
            steps_per_epoch=len(self._training.labels) // _BATCH,
            peak_rate=0.06,
            weight_decay=5e-4,
            averaging_decay=0.999,
            optimizer="sgd",
        )
        labels = torch.from_numpy(self._training.labels)
        hard = functional.one_hot(labels, len(EMOTION_FOLDERS)).float()
        self.targets = (1 - _LABEL_SMOOTHING) * hard + _LABEL_SMOOTHING / len(EMOTION_FOLDERS)
        counts = torch.bincount(labels).float()
        self.weights = (counts / counts.mean()) ** -_RARITY_POWER
        self.weights[EMOTION_FOLDERS.index("fear")] *= _FEAR_WEIGHT

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield augmented faces (batch, 1, side, side) in [0, 255] and their targets."""
        size_px = next(size for end, size in self.sizes_px if progress < end)
        order = torch.randperm(len(self.targets))
        for chosen in torch.split(order, _BATCH)[: self.recipe.steps_per_epoch]:
            array = self._training.images[chosen.numpy()]
            faces = torch.from_numpy(array).permute(0, 3, 1, 2).float()
            moved = random_affine(faces, size_px=size_px, degrees=12, shift=0.1, least_scale=0.75)
            yield _mix(_erase(moved), self.targets[chosen])

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy, rare classes weighed more."""
        faces = normalize_faces(inputs).contiguous(memory_format=torch.channels_last)
        logits = network(faces).float()
        return functional.cross_entropy(logits, targets, weight=self.weights)

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
        """Divide the weights of the classes out of the answers, and calibrate on PublicTest."""
        assert isinstance(network, ResidualNetwork)  # noqa: S101 - for mypy
        with torch.no_grad():
            network.head.bias.sub_(self.weights.log())
        plain, mirrored = self._logits(network)
        labels = torch.from_numpy(self._validation.labels)
        temperature = fit_temperature(torch.cat([plain, mirrored]), torch.cat([labels, labels]))
        fold_temperature(network.head, temperature)

    @torch.inference_mode()
    def _logits(self, network: nn.Module) -> tuple[Tensor, Tensor]:
        device = next(network.parameters()).device
        plain, mirrored = [], []
        for part in torch.split(torch.from_numpy(self._validation.images), _EVALUATION_BATCH):
            faces = part.permute(0, 3, 1, 2).float().to(device)
            inputs = normalize_faces(faces).contiguous(memory_format=torch.channels_last)
            plain.append(network(inputs).cpu())
            mirrored.append(network(inputs.flip(-1)).cpu())
        return torch.cat(plain), torch.cat(mirrored)


def _erase(faces: Tensor) -> Tensor:
    """Return the faces, some with a rectangle of one random grey."""
    count, _, height, width = faces.shape
    least, most = _ERASED_SIDES
    sides = (least + (most - least) * torch.rand(count, 2)) * torch.tensor([height, width])
    corners = torch.rand(count, 2) * (torch.tensor([height, width]) - sides)
    ends = corners + sides
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= corners[:, :1]) & (rows < ends[:, :1])
    in_columns = (columns >= corners[:, 1:]) & (columns < ends[:, 1:])
    is_erased = in_rows[:, :, None] & in_columns[:, None, :]
    is_erased &= torch.rand(count, 1, 1) < _ERASED_SHARE
    return torch.where(is_erased[:, None], 255 * torch.rand(count, 1, 1, 1), faces)


def _mix(faces: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return each face blended with another of the batch, in some of the batches."""
    if torch.rand(()) >= _MIXED_SHARE:
        return faces, targets
    share = float(torch.distributions.Beta(_MIXUP_ALPHA, _MIXUP_ALPHA).sample())
    order = torch.randperm(len(faces))
    return torch.lerp(faces[order], faces, share), torch.lerp(targets[order], targets, share)


def _load(options: Options, part: str) -> ImageSet:
    return load_images(
        [options.data / "fer2013" / f"{part}.zip"],
        EMOTION_FOLDERS,
        mode="L",
        cache=options.out.parent / "cache" / f"fer2013-{part}.npy",
    )


def main() -> None:
    """Run the training."""
    options = parse_options("emotions", epochs=30)
    torch.manual_seed(options.seed)
    train(EmotionTask(options), ResidualNetwork(EMOTION_WIDTHS), options)


if __name__ == "__main__":
    main()
