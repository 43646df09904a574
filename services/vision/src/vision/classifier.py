"""Classification of a photo into the thousand classes of ImageNet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelkit.images import RgbImage
from modelkit.runtime import Network

IMAGE_SIZE_PX = 240  # of the published weights
# A photo longer than this in relation to its short side is seen at both ends, one longer than the
# second also in the middle: two squares overlap no more.
_LONG_SHAPE = 1.2
_VERY_LONG_SHAPE = 2.0
# Large photos are averaged to this many times the size first; Pillow calls 3 indistinguishable.
_REDUCING_GAP = 3.0


@dataclass(frozen=True, slots=True)
class Label:
    """Class with its probability in [0, 1]."""

    tag: str
    confidence: float


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
        best = np.argsort(-confidences, kind="stable")[:limit]
        return [Label(self._tags[index], float(confidences[index])) for index in best]


def cut_squares(image: RgbImage) -> NDArray[np.uint8]:
    """Return the middle square of a photo, or both ends of a long one, and its middle if very long.

    The whole square, without the margin of 12.5 % that is often cut: on 500 photos 0.6 % more are
    right.

    Args:
        image: (height, width, 3) uint8, sRGB.

    Returns:
        (1 to 3, 240, 240, 3) uint8; bicubic, with antialiasing.
    """
    photo = Image.fromarray(image)
    side, longest = min(photo.size), max(photo.size)
    if longest > _VERY_LONG_SHAPE * side:
        room = longest - side
        return np.stack([_scale_square(photo, one, side) for one in (0, room // 2, room)])
    # Scaled once, since the two squares overlap.
    length = round(IMAGE_SIZE_PX * longest / side)
    is_wide = photo.width > photo.height
    size = (length, IMAGE_SIZE_PX) if is_wide else (IMAGE_SIZE_PX, length)
    small = np.asarray(photo.resize(size, Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP))
    room = length - IMAGE_SIZE_PX
    starts = [0, room] if longest > _LONG_SHAPE * side else [room // 2]
    return np.stack([small.take(range(one, one + IMAGE_SIZE_PX), int(is_wide)) for one in starts])


def _scale_square(photo: Image.Image, start: int, side: int) -> NDArray[np.uint8]:
    left, top = (start, 0) if photo.width > photo.height else (0, start)
    small = photo.resize(
        (IMAGE_SIZE_PX, IMAGE_SIZE_PX),
        Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
        reducing_gap=_REDUCING_GAP,
    )
    return np.asarray(small)
