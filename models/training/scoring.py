"""Score a shipped classifier image by image, as its service calls it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.training.calibration import classification_scores

Classify = Callable[[NDArray[np.uint8]], Mapping[str, float]]
"""From (height, width, 3) uint8 to the confidence of each name."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a classifier.

    Attributes:
        overall: Scores by name, and images per second.
        recalls: The share of the images of each class that were named right.
    """

    overall: dict[str, float]
    recalls: dict[str, float]


def score_classifier(
    classify: Classify,
    images: Iterable[tuple[str, NDArray[np.uint8]]],
    names: Sequence[str],
) -> Scores:
    """Return accuracy, calibration error and images per second, and the recall of each name.

    Args:
        classify: The service's own call.
        images: The true name and the pixels of each image.
        names: All names, each once.
    """
    index = {name: position for position, name in enumerate(names)}
    rows, labels, seconds = [], [], 0.0
    for name, image in images:
        began = time.perf_counter()
        answer = classify(image)
        seconds += time.perf_counter() - began
        rows.append([answer[other] for other in names])
        labels.append(index[name])
    confidences, truths = torch.tensor(rows), torch.tensor(labels)
    speed = round(len(labels) / seconds, 1)
    scores = {"images": len(labels), **classification_scores(confidences, truths)}
    return Scores({**scores, "images_per_s": speed}, _recalls(confidences, truths, names))


def _recalls(
    confidences: torch.Tensor, truths: torch.Tensor, names: Sequence[str]
) -> dict[str, float]:
    right = confidences.argmax(dim=1) == truths
    return {
        name: round(right[truths == index].float().mean().item(), 2)
        for index, name in enumerate(names)
    }
