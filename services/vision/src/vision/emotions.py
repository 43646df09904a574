"""Expression of a face: one of seven emotions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelkit.images import RgbImage
from modelkit.runtime import Network
from vision.geometry import Box
from vision.resizing import shrink

EMOTIONS = ("Neutral", "Happy", "Fear", "Disgust", "Sad", "Angry", "Surprise")
FACE_SIZE_PX = 48  # the size of the FER2013 faces
# Added on each side as a share of the box. On 700 faces of FER2013's PublicTest the longer side of
# the box is 0.911 of the frame's (CenterFace, median) or 0.932 (YuNet): a margin of 0.049 or 0.036
# gives the frame back. Cut with 0.05 as many are read right as uncut, with 0.1 one in 100 fewer.
FACE_MARGIN = 0.05
_FACES_AT_ONCE = 32  # of one image
_REDUCED = 3  # large faces are averaged to this many times the size first


@dataclass(frozen=True, slots=True)
class Emotion:
    """One emotion with its probability in [0, 1]."""

    name: str
    confidence: float


class FaceClassifier(Protocol):
    """Model that tells the expression of faces."""

    def classify_faces(self, image: RgbImage, boxes: Sequence[Box]) -> list[list[Emotion]]:
        """Return all seven emotions of each face, the likeliest first."""


class EmotionClassifier:
    """Emotion network; owned by one thread.

    Args:
        network: Takes grey faces (count, 1, 48, 48) uint8, returns the probability of each emotion,
            (count, 7) float32.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def classify_face(self, image: RgbImage, box: Box) -> list[Emotion]:
        """Return all seven emotions of the face in the box, the likeliest first.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
            box: The face as the detector found it, without margin; it may leave the image.
        """
        (emotions,) = self.classify_faces(image, [box])
        return emotions

    def classify_faces(self, image: RgbImage, boxes: Sequence[Box]) -> list[list[Emotion]]:
        """Return the emotions of several faces, of each what `classify_face` returns.

        Together or alone, the confidences are the same within 1e-5: the network's sums are rounded
        in another order.

        Args:
            image: As of `classify_face`.
            boxes: As of `classify_face`.
        """
        found: list[list[Emotion]] = []
        for first in range(0, len(boxes), _FACES_AT_ONCE):
            some = boxes[first : first + _FACES_AT_ONCE]
            found += self._classify(np.stack([cut_face(image, box) for box in some]))
        return found

    def _classify(self, faces: NDArray[np.uint8]) -> list[list[Emotion]]:
        (confidences,) = self._network.run(faces[:, np.newaxis])
        return [ranked(EMOTIONS, row) for row in confidences.tolist()]


def ranked(names: Sequence[str], confidences: Sequence[float]) -> list[Emotion]:
    """Return emotions, the likeliest first."""
    emotions = [Emotion(*pair) for pair in zip(names, confidences, strict=True)]
    return sorted(emotions, key=lambda emotion: -emotion.confidence)


def cut_face(image: RgbImage, box: Box) -> NDArray[np.uint8]:
    """Return the face as the network saw faces in training: (48, 48) uint8, grey.

    A square around the middle of the box, with margin; what lies outside the image repeats its
    edge.

    Args:
        image: (height, width, 3) uint8, sRGB.
        box: The face without margin.
    """
    side = max(1, round(max(box.width, box.height) * (1 + 2 * FACE_MARGIN)))
    left = (box.left + box.right - side) // 2
    top = (box.top + box.bottom - side) // 2
    square = _cut_square(image, left=left, top=top, side=side)
    small = shrink(square, min(1.0, _REDUCED * FACE_SIZE_PX / side))
    face = Image.fromarray(small).convert("L")
    return np.array(face.resize((FACE_SIZE_PX, FACE_SIZE_PX), Image.Resampling.BICUBIC))


def _cut_square(image: RgbImage, *, left: int, top: int, side: int) -> RgbImage:
    height, width = image.shape[:2]
    rows = np.arange(top, top + side).clip(0, height - 1)
    columns = np.arange(left, left + side).clip(0, width - 1)
    square = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if square.shape[:2] != (side, side):
        square = image[rows][:, columns]
    return square
