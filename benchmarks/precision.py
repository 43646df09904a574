"""State what lower precision costs and gains: python -m benchmarks.precision --help.

    python -m benchmarks.precision --data DATASETS --photos PHOTOS.zip [--precision P] [--json F]

Pictures with known answers go through two copies of each model of torch, as the services call them:
one in float32, one in the precision that is named. The two take turns, batch by batch, so that a
busy machine slows both. Times are those of the processor, with a GPU those of the clock.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from colorize.model import Colorizer
from colorize.pixels import to_lab
from modelkit.devices import Device
from modelkit.images import RgbImage
from models.colorize.evaluate import grey_copy, read_photos
from models.training.calibration import classification_scores
from models.training.pictures import read_archive, read_classes
from servicekit.memory import return_freed_memory
from servicekit.processors import let_waiting_threads_sleep
from vision.classifier import ResidualClassifier
from vision.emotions import EMOTIONS, FACE_SIZE_PX, EmotionClassifier
from vision.geometry import Box
from vision.loaders import use_threads

CLASSIFY = Path("services/vision/src/vision/weights/classify.safetensors")
READ_FACES = Path("services/vision/src/vision/weights/emotions.safetensors")
COLORIZE = Path("services/colorize/src/colorize/weights/colorize.safetensors")
BATCH = 8
MARGIN_PX = 2  # a face of FER2013 with the service's margin is all of its picture
PACKAGES = ("torch", "numpy")

Batch = TypeVar("Batch")
Answer = TypeVar("Answer")
Model = TypeVar("Model")
Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Turns(Generic[Answer]):
    """What two models answered to the same batches, and in how many seconds each."""

    answers: tuple[list[Answer], list[Answer]]
    seconds: tuple[list[float], list[float]]

    def times(self) -> dict[str, float]:
        """Return the medians in milliseconds, and that of the ratios of first to second."""
        first, second = self.seconds
        ratios = [a / b for a, b in zip(first, second, strict=True)]
        return {
            "float32_ms": round(1000 * statistics.median(first), 2),
            "other_ms": round(1000 * statistics.median(second), 2),
            "times_faster": round(statistics.median(ratios), 2),
        }


def main() -> None:
    """Measure, print the figures and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description="State what lower precision costs and gains.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--photos", type=Path, required=True, help="a zip of colour photos")
    parser.add_argument("--precision", choices=("bfloat16", "float16"), default="bfloat16")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, help="pictures of each kind; all by default")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    told = parser.parse_args()
    let_waiting_threads_sleep()
    return_freed_memory()
    use_threads(told.threads)
    devices = Device(told.device), Device(told.device, told.precision)
    figures = {
        **describe_machine(PACKAGES),
        **{name: getattr(told, name) for name in ("precision", "device", "threads")},
        "classify": compare_classifiers(told.data / "tiny-imagenet", devices, told.limit),
        "emotions": compare_emotions(told.data / "fer2013", devices, told.limit),
        "colorize": compare_colorizers(told.photos, devices, told.limit),
    }
    print(json.dumps(figures, indent=2))
    if told.json:
        told.json.write_text(json.dumps(figures, indent=2) + "\n")


def compare_classifiers(
    folder: Path, devices: Sequence[Device], limit: int | None
) -> dict[str, object]:
    """Return scores, differences and times over the validation pictures of Tiny ImageNet."""
    models = [ResidualClassifier(CLASSIFY, device=device) for device in devices]
    classes = read_classes(folder / "classes.tsv")
    tags = list(classes.values())

    def ask(model: ResidualClassifier, pictures: list[RgbImage]) -> Rows:
        answers = model.classify_all([model.prepare(picture) for picture in pictures])
        found = [{label.tag: label.confidence for label in labels} for labels in answers]
        return np.array([[row[tag] for tag in tags] for row in found])

    labelled = list(islice(read_archive(folder / "val.zip", mode="RGB"), limit))
    truths = [tags.index(classes[name]) for name, _ in labelled]
    turns = take_turns(batches_of([picture for _, picture in labelled]), models, ask)
    return {**compare_rows(turns, truths), **turns.times()}


def compare_emotions(
    folder: Path, devices: Sequence[Device], limit: int | None
) -> dict[str, object]:
    """Return scores, differences and times over the PublicTest faces of FER2013."""
    models = [EmotionClassifier(READ_FACES, device=device) for device in devices]
    far = FACE_SIZE_PX - MARGIN_PX

    def ask(model: EmotionClassifier, faces: list[RgbImage]) -> Rows:
        lefts = range(0, FACE_SIZE_PX * len(faces), FACE_SIZE_PX)
        boxes = [Box(left + MARGIN_PX, MARGIN_PX, left + far, far) for left in lefts]
        answers = model.classify_faces(np.concatenate(faces, axis=1), boxes)
        found = [{one.name: one.confidence for one in emotions} for emotions in answers]
        return np.array([[row[name] for name in EMOTIONS] for row in found])

    labelled = list(islice(read_archive(folder / "val.zip", mode="RGB"), limit))
    truths = [EMOTIONS.index(name.title()) for name, _ in labelled]
    turns = take_turns(batches_of([face for _, face in labelled]), models, ask)
    return {**compare_rows(turns, truths), **turns.times()}


def compare_colorizers(
    archive: Path, devices: Sequence[Device], limit: int | None
) -> dict[str, object]:
    """Return errors, differences and times over photos turned grey; times are for one photo."""
    models = [Colorizer(COLORIZE, device=device) for device in devices]
    greys = (grey_copy(photo) for photo in islice(read_photos(archive), limit))
    turns = take_turns(greys, models, Colorizer.colorize)
    errors, shifts = [], []
    for truth, *guesses in zip(islice(read_photos(archive), limit), *turns.answers, strict=True):
        true_ab, *guessed = (to_lab(one)[..., 1:] for one in (truth, *guesses))
        errors.append([np.abs(true_ab - one).mean() for one in guessed])
        shifts.append(np.linalg.norm(guessed[0] - guessed[1], axis=2).ravel())
    float32, other = np.mean(errors, axis=0)
    shift = np.concatenate(shifts)
    return {
        "photos": len(errors),
        "float32_ab_error": round(float(float32), 4),
        "other_ab_error": round(float(other), 4),
        "mean_ab_distance": round(float(shift.mean()), 3),
        "ab_distance_of_99_percent": round(float(np.percentile(shift, 99)), 3),
        "largest_ab_distance": round(float(shift.max()), 3),
        **turns.times(),
    }


def take_turns(
    batches: Iterable[Batch], models: Sequence[Model], ask: Callable[[Model, Batch], Answer]
) -> Turns[Answer]:
    """Ask two models about each batch; now one is first, now the other.

    Args:
        batches: The first is asked once more beforehand, and not timed then.
        models: The two.
        ask: Returns a model's answer to a batch.
    """
    clock = perf_counter if torch.cuda.is_available() else process_time
    turns: Turns[Answer] = Turns(answers=([], []), seconds=([], []))
    for number, batch in enumerate(batches):
        if number == 0:
            for model in models:
                ask(model, batch)
        for index in (0, 1) if number % 2 else (1, 0):
            began_s = clock()
            turns.answers[index].append(ask(models[index], batch))
            turns.seconds[index].append(clock() - began_s)
    return turns


def batches_of(pictures: Sequence[RgbImage]) -> Iterator[list[RgbImage]]:
    """Yield the pictures, as many at a time as a service answers together."""
    for first in range(0, len(pictures), BATCH):
        yield list(pictures[first : first + BATCH])


def compare_rows(turns: Turns[Rows], truths: Sequence[int]) -> dict[str, object]:
    """Return how right two classifiers are and how far their confidences lie apart.

    Args:
        turns: Their confidences, batches of (count, classes).
        truths: The class of each picture.
    """
    labels = np.array(truths)
    float32, other = (np.concatenate(answers) for answers in turns.answers)
    first, second = float32.argmax(axis=1), other.argmax(axis=1)
    apart = np.abs(float32 - other)
    return {
        "pictures": len(labels),
        "float32": classification_scores(torch.from_numpy(float32), torch.from_numpy(labels)),
        "other": classification_scores(torch.from_numpy(other), torch.from_numpy(labels)),
        "right_only_in_float32": int(((first == labels) & (second != labels)).sum()),
        "right_only_in_other": int(((first != labels) & (second == labels)).sum()),
        "same_first": round(float((first == second).mean()), 4),
        "mean_difference_of_first": round(float(apart[np.arange(len(first)), first].mean()), 5),
        "largest_difference": round(float(apart.max()), 4),
    }


if __name__ == "__main__":
    main()
