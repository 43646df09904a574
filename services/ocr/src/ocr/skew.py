"""Detection and correction of the skew of a page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from ocr.layout import direction_doubt
from ocr.preparation import MIN_SIDE_PX, Corners

_LEAST_ASPECT = 3.0  # pieces longer than this many heights show a direction
_MARGIN = 0.05  # of the longer side of the text, for what the detector missed
_QUARTER = 90.0


@dataclass(frozen=True, slots=True)
class StraightPage:
    """A page whose lines are level enough to be read.

    Attributes:
        pixels: (height, width, 3) uint8, sRGB.
        skew_degrees: how far the lines of the leaning page lean clockwise, in [-45, 45].
        matrix: (2, 3), from pixels of this page to those of the leaning one.
    """

    pixels: RgbImage
    skew_degrees: float
    matrix: NDArray[np.float64] = field(default_factory=lambda: np.eye(2, 3))

    def to_leaning(self, corners: Corners) -> Corners:
        """Return corners of this page in pixels of the leaning one."""
        moved: Corners = corners @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved


def find_skew(pieces: Sequence[Corners]) -> float:
    """Return how far the lines lean clockwise, in degrees, in [-45, 45].

    Lines that run downwards lean as far from the vertical. The answer is the median weighted by
    length; 0 when the pieces are too short to tell.
    """
    sides = [(piece[1] - piece[0], piece[3] - piece[0]) for piece in pieces]
    pairs = [sorted(pair, key=lambda side: float(np.hypot(*side))) for pair in sides]
    long = [
        (_folded(*side), float(np.hypot(*side)), float(np.hypot(*short)))
        for short, side in pairs
        if np.hypot(*side) >= _LEAST_ASPECT * np.hypot(*short)
    ]
    if not long:
        return 0.0
    angles, lengths, heights = (np.array(column) for column in zip(*sorted(long), strict=True))
    middle = np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)
    doubt = math.degrees(direction_doubt(lengths / np.maximum(1.0, heights)))
    return float(angles[middle]) if abs(angles[middle]) > doubt else 0.0


def straighten(pixels: RgbImage, degrees: float, pieces: Sequence[Corners]) -> StraightPage:
    """Turn a page that leans clockwise back, and cut it to its text.

    Args:
        pixels: the leaning page.
        degrees: how far it leans.
        pieces: where text was found on it; the corners of a straight page would only make the
            text smaller for the detector.
    """
    matrix = cv2.getRotationMatrix2D((0, 0), degrees, 1.0)
    places = np.concatenate(pieces) @ matrix[:, :2].T
    first, last = places.min(axis=0), places.max(axis=0)
    margin = max(MIN_SIDE_PX / 2, _MARGIN * float((last - first).max()))
    matrix[:, 2] = margin - first
    width, height = (math.ceil(side) for side in last - first + 2 * margin)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    turned = cv2.warpAffine(
        pixels,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=[float(value) for value in np.median(edge, axis=0)],
    )
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    return StraightPage(np.asarray(turned, np.uint8), degrees, back)


def _folded(x: float, y: float) -> float:
    """Return the direction of a side in degrees, from -45 up to 45."""
    angle = math.degrees(math.atan2(y, x))
    return (angle + _QUARTER / 2) % _QUARTER - _QUARTER / 2
