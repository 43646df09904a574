"""What a classifier answers, and what every classifier can do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

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


def rank_labels(tags: Iterable[str], confidences: Iterable[float]) -> list[Label]:
    """Return a label for each tag and its confidence, the likeliest first."""
    labels = [Label(*pair) for pair in zip(tags, confidences, strict=True)]
    return sorted(labels, key=lambda label: -label.confidence)
