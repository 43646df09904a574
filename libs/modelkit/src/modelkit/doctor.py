"""Command `imagemesh doctor`: loads and runs every model as its service would."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from time import perf_counter
from typing import Any

import numpy as np

from commandkit.cli import USAGE
from commandkit.tables import table
from modelkit.images import RgbImage
from modelkit.loading import LoadedModel
from modelkit.pins import LOCK_FILE
from servicekit.errors import NotInstalled

ENTRY_POINT_GROUP = "imagemesh.doctor"
HEADINGS = ("SERVICE", "MODEL", "TASK", "FILE", "SHA256", "DEVICE", "PROVIDER", "MS", "STATE")
_RUNS = 5  # the middle one counts
_SHOWN_DIGITS = 12
_HEIGHT_PX, _WIDTH_PX = 480, 640


@dataclass(frozen=True, slots=True)
class Check:
    """Model that can be loaded and run.

    Attributes:
        task: Names it where it cannot be loaded.
        load: Returns the model with its parts.
        runs: For each task of the model and its parts a function that runs it on an image. It takes
            the model and (480, 640, 3) uint8, sRGB.
    """

    task: str
    load: Callable[[], LoadedModel[Any]]  # Any: each service has its own models
    runs: Mapping[str, Callable[[Any, RgbImage], object]]  # Any: as above


def doctor(services: list[str] | None = None, /) -> int:
    """Run every model, and tell which cannot run as configured.

    Args:
        services: Services whose models are run; all without.
    """
    points = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    unknown = sorted(set(services or ()) - {point.name for point in points})
    if unknown:
        known = ", ".join(point.name for point in points)
        sys.stderr.write(f"imagemesh doctor: no service {', '.join(unknown)}; there are {known}\n")
        return USAGE
    rows: list[tuple[str, ...]] = []
    for point in points:
        if not services or point.name in services:
            rows += examine(point.name, point.load()())
    sys.stdout.write(f"{table((HEADINGS, *rows))}\n")
    return int(any(row[-1] != "ok" for row in rows))


def examine(service: str, checks: Sequence[Check]) -> list[tuple[str, ...]]:
    """Return a row for each model of a service."""
    rows: list[tuple[str, ...]] = []
    for check in checks:
        try:
            loaded = check.load()
        except NotInstalled as error:
            rows.append((service, "", check.task, "", "", "", "", "", str(error)))
            continue
        for one in (loaded, *loaded.parts):
            seconds = _time(check.runs[one.entry.task], loaded.model)
            rows.append((service, *_described(one), f"{seconds * 1000:.1f}", "ok"))
    return rows


def _described(loaded: LoadedModel[Any]) -> tuple[str, ...]:  # Any: as above
    entry = loaded.entry
    name = f"{entry.name} {entry.version}"
    digits = (entry.sha256 or LOCK_FILE)[:_SHOWN_DIGITS]
    return name, entry.task, entry.file, digits, loaded.device, loaded.provider


def _time(run: Callable[[Any, RgbImage], object], model: object) -> float:  # Any: as above
    """Return the seconds of the middle one of five runs on the built-in image."""
    image = built_in_image()
    run(model, image)
    seconds = []
    for _ in range(_RUNS):
        began_s = perf_counter()
        run(model, image)
        seconds.append(perf_counter() - began_s)
    return sorted(seconds)[_RUNS // 2]


def built_in_image() -> RgbImage:
    """Return an image of stripes and shades, (480, 640, 3) uint8, the same every time."""
    rows, columns = np.mgrid[:_HEIGHT_PX, :_WIDTH_PX]
    shade = (rows * 255 // _HEIGHT_PX).astype(np.uint8)
    stripes = (columns // 8 % 2 * 255).astype(np.uint8)
    return np.stack([shade, stripes, 255 - shade], axis=2)
