"""Score the colorizer on color photos: python -m models.colorize.evaluate --photos PATH."""

import json
from pathlib import Path

import cv2
import cyclopts
import numpy as np

from colorize.model import Colorizer
from colorize.pixels import to_lab
from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from models.colorize.export import GRAPH
from models.training.images import read_photos

_LEAST_COLORFULNESS = 1e-3  # some photos are grey: a share of nothing


def main(*, photos: Path, graph: Path = GRAPH) -> None:
    """Score the colorizer on the color JPEGs of a zip, each turned grey at full size."""
    colorizer = Colorizer(Runtime(threads=1).open(graph, sizes_vary=True))
    rows = [
        _compare(photo, colorizer.colorize(grey_copy(photo))) for _, photo in read_photos(photos)
    ]
    errors, greys, shares, shifts = np.array(rows).T
    scores = {
        "photos": len(rows),
        "ab_error": errors.mean(),
        "ab_error_of_grey": greys.mean(),
        "ab_error_share_of_grey": errors.mean() / greys.mean(),
        "colorfulness_share_median": np.median(shares),
        "lightness_shift_mean": shifts.mean(),
    }
    print(json.dumps({name: round(float(score), 4) for name, score in scores.items()}))


def grey_copy(photo: RgbImage) -> RgbImage:
    """Return the photo with its lightness and no chroma.

    Args:
        photo: (height, width, 3) uint8, sRGB.
    """
    lab = to_lab(photo)
    lab[..., 1:] = 0
    grey = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
    return np.rint(grey * 255).clip(0, 255).astype(np.uint8)


def _compare(truth: RgbImage, guess: RgbImage) -> tuple[float, float, float, float]:
    """Return the ab error, that of grey, the share of colorfulness, the shift of lightness."""
    true_lab, guessed_lab = to_lab(truth), to_lab(guess)
    return (
        float(np.abs(true_lab - guessed_lab)[..., 1:].mean()),
        float(np.abs(true_lab)[..., 1:].mean()),
        colorfulness(guess) / max(colorfulness(truth), _LEAST_COLORFULNESS),
        float(np.abs(true_lab - guessed_lab)[..., 0].mean()),
    )


def colorfulness(photo: RgbImage) -> float:
    """Return the colorfulness M3 of Hasler and Suesstrunk 2003, section 4.

    Args:
        photo: (height, width, 3) uint8, sRGB.
    """
    red, green, blue = np.moveaxis(photo.astype(np.float64), 2, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    mean = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(spread + 0.3 * mean)


if __name__ == "__main__":
    cyclopts.run(main)
