"""Score a shipped classifier picture by picture, as its service calls it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.training.calibration import classification_scores

Classify = Callable[[NDArray[np.uint8]], Mapping[str, float]]
"""From (height, width, 3) uint8 to the confidence of each name."""


def score_classifier(
    classify: Classify,
    pictures: Iterable[tuple[str, NDArray[np.uint8]]],
    names: Sequence[str],
) -> dict[str, float]:
    """Return accuracy, calibration error and pictures per second.

    Args:
        classify: The service's own call.
        pictures: The true name and the pixels of each picture.
        names: All names, each once.
    """
    index = {name: position for position, name in enumerate(names)}
    rows, labels, seconds = [], [], 0.0
    for name, picture in pictures:
        began = time.perf_counter()
        confidences = classify(picture)
        seconds += time.perf_counter() - began
        rows.append([confidences[other] for other in names])
        labels.append(index[name])
    scores = classification_scores(torch.tensor(rows), torch.tensor(labels))
    return {"pictures": len(labels), **scores, "pictures_per_s": round(len(labels) / seconds, 1)}
