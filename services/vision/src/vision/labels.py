"""What a classifier answers, and what every classifier can do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage


@dataclass(frozen=True, slots=True)
class Label:
    """One thing with its probability in [0, 1]."""

    tag: str
    confidence: float


class Classifier(Protocol):
    """What names the things that it knows by how likely a photo shows them."""

    def classify(self, image: RgbImage) -> list[Label]:
        """Return all labels, the likeliest first; their confidences add up to 1.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
        """
        ...

    def prepare(self, image: RgbImage) -> NDArray[np.uint8]:
        """Return the little that is needed of a photo; any thread may ask."""
        ...

    def classify_all(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Label]]:
        """Return the labels of several photos, of each what `classify` returns.

        Args:
            pictures: What `prepare` returned for each.
        """
        ...


def rank_labels(tags: Iterable[str], confidences: Iterable[float]) -> list[Label]:
    """Return a label for each tag and its confidence, the likeliest first."""
    labels = [Label(*pair) for pair in zip(tags, confidences, strict=True)]
    return sorted(labels, key=lambda label: -label.confidence)
