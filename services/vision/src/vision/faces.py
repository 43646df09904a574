"""Find the faces of a photo: with YuNet where it is installed, else with OpenCV's cascade."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from modelkit.images import RgbImage
from vision.geometry import Box

# Both detectors work on a copy of this size at most, which bounds time and memory for any photo.
MAX_SIDE_PX = 1280
# Two boxes that share more than this part of their union are one face (the value of YuNet's own
# demonstration); a box that lies this much within another one too.
MAX_OVERLAP = 0.3
MAX_WITHIN = 0.7

# On ten photos of 1850-1916 all boxes above this are faces; two are lost at 0.61 and 0.68, among
# false ones at 0.62 and 0.69.
YUNET_LEAST_SCORE = 0.7
_YUNET_MOST_CANDIDATES = 5000
_YUNET_STRIDE_PX = 32
_YUNET_LEAST_SIDE_PX = 128
_YUNET_SCORE = 14  # column: after the box (4) and five landmarks (10)

# Measured against YuNet on the ten old photos and 120 of today: enlarging finds 22 + 7 faces in
# place of 14 + 3 and gives 11 false boxes in place of 7; a finer scale gives more false boxes.
CASCADE_MOST_ENLARGED = 2.0
_CASCADE_SCALE = 1.1
_CASCADE_NEIGHBOURS = 5
_CASCADE_LEAST_FACE_PX = 20  # the size of the window that the cascade was trained with


class FaceDetector(Protocol):
    """What finds faces."""

    def find(self, image: RgbImage) -> list[Box]:
        """Return each face once, from left to right, its box within the picture.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
        """
        ...


class YunetDetector:
    """YuNet, a small convolutional detector; finds turned, small and shaded faces too.

    Source: Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector".
    """

    def __init__(self, network: Path) -> None:
        """Load the ONNX file."""
        self._detector = cv2.FaceDetectorYN.create(
            str(network),
            "",
            (MAX_SIDE_PX, MAX_SIDE_PX),
            YUNET_LEAST_SCORE,
            MAX_OVERLAP,
            _YUNET_MOST_CANDIDATES,
        )

    def find(self, image: RgbImage) -> list[Box]:
        """Return each face once, from left to right, its box within the picture."""
        scale = fitting_scale(image, most=1.0)
        padded = _pad(cv2.cvtColor(_resize(image, scale), cv2.COLOR_RGB2BGR))
        height, width = padded.shape[:2]
        self._detector.setInputSize((width, height))
        _, rows = self._detector.detect(padded)
        # OpenCV answers None where there is no face, against its stubs.
        found = np.empty((0, _YUNET_SCORE + 1)) if rows is None else np.asarray(rows, np.float64)
        best_first = found[np.argsort(-found[:, _YUNET_SCORE], kind="stable")]
        return tidy_boxes(_as_boxes(best_first[:, :4], scale), image)


class CascadeDetector:
    """OpenCV's cascade of Haar features; finds upright faces that look at the camera.

    Source: Viola and Jones 2001; this cascade by Lienhart 2002.
    """

    def __init__(self, cascade: Path) -> None:
        """Load the XML file."""
        self._cascade = cv2.CascadeClassifier(str(cascade))

    def find(self, image: RgbImage) -> list[Box]:
        """Return each face once, from left to right, its box within the picture."""
        scale = fitting_scale(image, most=CASCADE_MOST_ENLARGED)
        grey = cv2.cvtColor(_resize(image, scale), cv2.COLOR_RGB2GRAY)
        rows = self._cascade.detectMultiScale(
            grey,
            scaleFactor=_CASCADE_SCALE,
            minNeighbors=_CASCADE_NEIGHBOURS,
            minSize=(_CASCADE_LEAST_FACE_PX, _CASCADE_LEAST_FACE_PX),
        )
        found = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
        largest_first = found[np.argsort(-found[:, 2], kind="stable")]
        return tidy_boxes(_as_boxes(largest_first, scale), image)


def fitting_scale(image: RgbImage, *, most: float) -> float:
    """Return the factor that makes the longer side at most `MAX_SIDE_PX`; at most `most`."""
    longest: int = max(image.shape[:2])
    return min(most, MAX_SIDE_PX / longest)


def tidy_boxes(boxes: Iterable[Box], image: RgbImage) -> list[Box]:
    """Return boxes cut to the picture, each face once, from left to right.

    Args:
        boxes: Best first; of two boxes on one face the first stays.
        image: (height, width, 3).
    """
    height, width = image.shape[:2]
    kept: list[Box] = []
    for box in boxes:
        inside = _clip(box, width=width, height=height)
        if inside is not None and not any(_is_same_face(inside, other) for other in kept):
            kept.append(inside)
    return sorted(kept, key=lambda box: (box.left, box.top, box.right, box.bottom))


def _resize(image: RgbImage, scale: float) -> MatLike:
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=how)


def _pad(image: MatLike) -> MatLike:
    """Return the picture with black on the right and below: sides whole strides and not too short.

    OpenCV pads too, but to one stride at least, and at that size (4.14) the answer now and then
    holds boxes made of memory that was never written.
    """
    height, width = (
        max(_YUNET_LEAST_SIDE_PX, math.ceil(side / _YUNET_STRIDE_PX) * _YUNET_STRIDE_PX)
        for side in image.shape[:2]
    )
    bottom, right = height - image.shape[0], width - image.shape[1]
    return cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))


def _as_boxes(rows: NDArray[np.float64], scale: float) -> list[Box]:
    corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1) / scale
    return [Box(*row) for row in corners.round().astype(int).tolist()]


def _clip(box: Box, *, width: int, height: int) -> Box | None:
    inside = Box(max(box.left, 0), max(box.top, 0), min(box.right, width), min(box.bottom, height))
    return inside if inside.width > 0 and inside.height > 0 else None


def _is_same_face(box: Box, other: Box) -> bool:
    width = min(box.right, other.right) - max(box.left, other.left)
    height = min(box.bottom, other.bottom) - max(box.top, other.top)
    if width <= 0 or height <= 0:
        return False
    shared = width * height
    areas = (box.width * box.height, other.width * other.height)
    return shared > MAX_OVERLAP * (sum(areas) - shared) or shared > MAX_WITHIN * min(areas)
