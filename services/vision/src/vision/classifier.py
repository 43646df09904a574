"""Classification of a photo into the thousand classes of ImageNet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from modelkit.runtime import Network
from vision.resizing import resize

IMAGE_SIZE_PX = 240  # `LITE1.size_px` of the network, which a CPU does not import
# A photo longer than this in relation to its short side is seen at both ends and in its middle.
_LONG_SHAPE = 2.0


@dataclass(frozen=True, slots=True)
class Label:
    """Class with its probability in [0, 1]."""

    tag: str
    confidence: float


class PhotoClassifier(Protocol):
    """Model that names what a photo shows."""

    def prepare(self, image: RgbImage) -> NDArray[Any]:  # Any: bytes or scaled numbers
        """Return a photo as the network takes it; may run in any thread."""

    def confidences(self, images: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
        """Return the probability of each class for several prepared photos."""

    def labels(self, confidences: NDArray[np.float32], *, limit: int) -> list[Label]:
        """Return the likeliest labels of a photo, the likeliest first."""


class ImageNetClassifier:
    """Classifier of a thousand classes; owned by one thread.

    Args:
        network: Takes (count, 240, 240, 3) uint8, returns probabilities (count, 1000) float32.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        names = files("vision").joinpath("imagenet.tags.json").read_text(encoding="utf-8")
        self._tags: list[str] = json.loads(names)

    def classify(self, image: RgbImage) -> list[Label]:
        """Return all labels, the likeliest first; their confidences add up to 1.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
        """
        (confidences,) = self.confidences([cut_squares(image)])
        return self.labels(confidences, limit=len(confidences))

    def prepare(self, image: RgbImage) -> NDArray[np.uint8]:
        """Return the squares of a photo; see `cut_squares`."""
        return cut_squares(image)

    def confidences(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Return the probability of each class in ImageNet's order, (1000,), for several photos.

        Args:
            images: Squares of each, as `cut_squares` returns them.
        """
        (shares,) = self._network.run(np.concatenate(images))
        ends = np.cumsum([len(squares) for squares in images])[:-1]
        return [part.mean(axis=0) for part in np.split(shares, ends)]

    def labels(self, confidences: NDArray[np.float32], *, limit: int) -> list[Label]:
        """Return the likeliest labels of a photo, the likeliest first.

        Args:
            confidences: Of each class, as `confidences` returns them.
            limit: Most labels.
        """
        return best_labels(self._tags, confidences, limit=limit)


def best_labels(
    tags: Sequence[str], confidences: NDArray[np.float32], *, limit: int
) -> list[Label]:
    """Return the likeliest labels, the likeliest first."""
    best = np.argsort(-confidences, kind="stable")[:limit]
    return [Label(tags[index], float(confidences[index])) for index in best]


def cut_squares(image: RgbImage) -> NDArray[np.uint8]:
    """Return a photo squeezed into a square, or three squares of a very long one.

    Squeezed, photos cut to 4:3, 3:2 or 16:9 are as often right as by two squares at their ends,
    which take twice the time, and more often than by the one in their middle. Scaled by halves and
    a bicubic rest, which costs a fifth of Pillow's bicubic filter and is as often right.

    Args:
        image: (height, width, 3) uint8, sRGB.

    Returns:
        (1 or 3, 240, 240, 3) uint8.
    """
    side, longest = sorted(image.shape[:2])
    if longest <= _LONG_SHAPE * side:
        return _scale(image)[np.newaxis]
    is_wide = image.shape[1] > image.shape[0]
    starts = (0, (longest - side) // 2, longest - side)
    parts = (slice(start, start + side) for start in starts)
    return np.stack([_scale(image[:, part] if is_wide else image[part]) for part in parts])


def _scale(image: RgbImage) -> RgbImage:
    return resize(image, (IMAGE_SIZE_PX, IMAGE_SIZE_PX), interpolation=cv2.INTER_CUBIC)
