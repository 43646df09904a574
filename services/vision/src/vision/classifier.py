"""Say which of two hundred things a photo shows."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from modelkit.devices import Device
from modelkit.images import RgbImage
from vision.labels import Label, rank_labels
from vision.network import ResidualNetwork, load_network
from vision.resizing import shrink

CLASSES = 200
PICTURE_SIZE_PX = 64  # the size of the Tiny ImageNet pictures
# A photo longer than this in relation to its short side is seen at both ends, one longer than the
# second also in the middle: two squares overlap no more.
_LONG_SHAPE = 1.2
_VERY_LONG_SHAPE = 2.0
_REDUCED = 3  # large photos are averaged to this many times the size first
_MEAN = 0.45  # of all channels of Tiny ImageNet, near enough that the first layer does the rest
_SPREAD = 0.27


class ResidualClassifier:
    """The project's own classification network with its weights and tags; owned by one thread.

    Args:
        weights: The safetensors file; the tags of its classes are in the .tags.json file beside it.
        device: Where it computes.
    """

    def __init__(self, weights: Path, *, device: Device) -> None:
        self._device = device
        self._network = load_network(classification_network(), weights, device=device)
        tags = json.loads(weights.with_suffix(".tags.json").read_text(encoding="utf-8"))
        self._tags: list[str] = tags

    def classify(self, image: RgbImage) -> list[Label]:
        """Return all labels, the likeliest first; their confidences add up to 1.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
        """
        (labels,) = self.classify_all([self.prepare(image)])
        return labels

    def prepare(self, image: RgbImage) -> NDArray[np.uint8]:
        """Return what the network sees of a photo; any thread may ask."""
        return cut_squares(image)

    def classify_all(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Label]]:
        """Return the labels of several photos, of each what `classify` returns.

        Together or alone, the confidences are the same to the last bit.

        Args:
            pictures: What `prepare` returned for each.
        """
        squares = [torch.from_numpy(picture).permute(0, 3, 1, 2) for picture in pictures]
        # One square is seen in the mirror too: measured better than one look.
        views = [torch.cat([one, one.flip(-1)]) if len(one) == 1 else one for one in squares]
        answers = self._device.compute(self._confidences, torch.cat(views))
        shares = torch.split(answers, [len(view) for view in views])
        return [rank_labels(self._tags, share.mean(dim=0).tolist()) for share in shares]

    def _confidences(self, pictures: Tensor) -> Tensor:
        numbers = normalise_pictures(pictures).to(self._device.dtype)
        logits: Tensor = self._network(numbers)
        return logits.softmax(dim=1)


def classification_network() -> ResidualNetwork:
    """Return the untrained network for (count, 3, 64, 64) pictures and two hundred classes."""
    return ResidualNetwork(
        in_channels=3,
        stem_channels=48,
        stem_stride=2,
        widths=(48, 96, 192, 320),
        depths=(1, 2, 2, 1),
        strides=(1, 2, 2, 2),
        classes=CLASSES,
    )


def cut_squares(image: RgbImage) -> NDArray[np.uint8]:
    """Return the middle square of a photo, or the ends of a long one, and its middle if very long.

    Args:
        image: (height, width, 3) uint8, sRGB.

    Returns:
        (1 to 3, 64, 64, 3) uint8; downscaled with antialiasing.
    """
    shortest: int = min(image.shape[:2])
    picture = Image.fromarray(shrink(image, min(1.0, _REDUCED * PICTURE_SIZE_PX / shortest)))
    side, longest = min(picture.size), max(picture.size)
    room = longest - side
    starts = [room // 2]
    if longest > _LONG_SHAPE * side:
        starts = [0, room]
    if longest > _VERY_LONG_SHAPE * side:
        starts = [0, room // 2, room]
    return np.stack([_square(picture, start, side) for start in starts])


def _square(picture: Image.Image, start: int, side: int) -> NDArray[np.uint8]:
    left, top = (start, 0) if picture.width > picture.height else (0, start)
    small = picture.resize(
        (PICTURE_SIZE_PX, PICTURE_SIZE_PX),
        Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
    )
    return np.asarray(small)


def normalise_pictures(pictures: Tensor) -> Tensor:
    """Return pictures as the network takes them, about mean 0 and spread 1.

    Args:
        pictures: (count, 3, height, width), uint8 or float in [0, 255].
    """
    return (pictures.float() / 255 - _MEAN) / _SPREAD
