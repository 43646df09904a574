"""Face detection at increasing sizes, as far as doubtful candidates need them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from vision.geometry import Box
from vision.resizing import shrink

# Two boxes that share more than this part of their union are one face (the value of YuNet's own
# demonstration); a box that lies this much within another one too.
MAX_OVERLAP = 0.3
MAX_WITHIN = 0.7
# Images smaller than the look are enlarged: of 100 faces in photos of 299 px both networks find
# 20 more at twice the size.
MOST_ENLARGED = 2.0
# Where the first look finds a smaller face than this, others may be smaller still. A doubt about a
# smaller thing in the second look is worth a third: 24 of 250 everyday photos have one, 10 of these
# no face. A larger thing is no clearer from nearer.
SMALL_FACE_PX = 24
# Each face costs its reader time: an image papered with faces would take minutes.
MOST_FACES = 300


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidate faces of an image.

    Attributes:
        corners: (count, 4) float64, (x0, y0, x1, y1) in pixels, origin top left.
        scores: (count,) float64 in [0, 1], higher is likelier.
    """

    corners: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "Candidates":
        """Return those that a mask or indices name."""
        return Candidates(self.corners[which], self.scores[which])

    def sides_px(self) -> NDArray[np.float64]:
        """Return the longer side of each."""
        sides: NDArray[np.float64] = (self.corners[:, 2:] - self.corners[:, :2]).max(axis=1)
        return sides

    def joined(self, others: "Candidates") -> "Candidates":
        """Return these and the others."""
        return Candidates(
            np.concatenate([self.corners, others.corners]),
            np.concatenate([self.scores, others.scores]),
        )


@dataclass(frozen=True, slots=True)
class Looks:
    """Sizes and thresholds of a network.

    Attributes:
        sides_px: Longer side of the copy that is looked at, one look each, smallest first.
        doubtful: A score below this is nothing.
        accepted: A score from here is a face.
        sure: A score from `doubtful` to this asks for a closer look.
    """

    sides_px: tuple[int, ...]
    doubtful: float
    accepted: float
    sure: float


class FaceNetwork(Protocol):
    """Network that returns candidate faces."""

    looks: Looks

    def look(self, image: RgbImage) -> Candidates:
        """Return all candidates from `doubtful` on, several for each face.

        Args:
            image: (height, width, 3) uint8, sRGB, upright, at the size to look at.
        """
        ...


class FaceDetector:
    """Face detector; owned by one thread.

    Args:
        network: Returns the candidates.
    """

    def __init__(self, network: FaceNetwork) -> None:
        self._network = network

    def find(self, image: RgbImage) -> list[Box]:
        """Return each face once, from left to right, its box within the image.

        The first look is enough where it saw large faces and nothing in doubt, as in portraits; it
        takes less time than to decode the photo. The second is the thorough one. The third is for
        crowds, where the second saw something small in doubt.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
        """
        looks = self._network.looks
        first, *closer = _scales(image, looks)
        seen = self._look(image, first)
        # What the first look is not sure of, the next one decides.
        found = seen.chosen(seen.scores >= (looks.sure if closer else looks.accepted))
        is_clear = (seen.scores >= looks.sure) & (seen.sides_px() * first >= SMALL_FACE_PX)
        if len(seen) > 0 and is_clear.all():
            return _as_boxes(found)
        for scale in closer:
            seen = self._look(image, scale)
            found = keep_distinct(found.joined(seen.chosen(seen.scores >= looks.accepted)))
            is_open = (seen.scores < looks.sure) & (seen.sides_px() * scale < SMALL_FACE_PX)
            if not is_open.any():
                break
        return _as_boxes(found)

    def _look(self, image: RgbImage, scale: float) -> Candidates:
        """Return the candidates in pixels of the image, each once and cut to it."""
        small = shrink(image, scale)
        seen = self._network.look(small)
        size = np.array(image.shape[1::-1] * 2)
        corners = seen.corners * (size / np.array(small.shape[1::-1] * 2))
        return keep_distinct(Candidates(corners.clip(0, size), seen.scores))


def keep_distinct(candidates: Candidates) -> Candidates:
    """Return the best candidate of each face, best first, at most `MOST_FACES`."""
    left = candidates.chosen(np.argsort(-candidates.scores, kind="stable"))
    kept: list[int] = []
    order = np.arange(len(left))
    while len(order) > 0 and len(kept) < MOST_FACES:
        kept.append(int(order[0]))
        same = _is_same_face(left.corners[order[0]], left.corners[order])
        same[0] = True
        order = order[~same]
    return left.chosen(np.array(kept, dtype=np.intp))


def _scales(image: RgbImage, looks: Looks) -> list[float]:
    longest: int = max(image.shape[:2])
    return sorted({min(side / longest, MOST_ENLARGED) for side in looks.sides_px})


def _is_same_face(best: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each of (count, 4) boxes whether it shows the face of the one box."""
    sides = np.minimum(best[2:], others[:, 2:]) - np.maximum(best[:2], others[:, :2])
    shared = sides.clip(0).prod(axis=1)
    area, areas = (best[2:] - best[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    is_one: NDArray[np.bool_] = (shared > MAX_OVERLAP * (area + areas - shared)) | (
        shared > MAX_WITHIN * np.minimum(area, areas)
    )
    return is_one


def _as_boxes(found: Candidates) -> list[Box]:
    corners = found.corners.round().astype(int).tolist()
    boxes = [Box(*row) for row in sorted(corners)]
    return [box for box in boxes if box.width > 0 and box.height > 0]
