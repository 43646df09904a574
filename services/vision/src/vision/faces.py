"""Face detection at increasing sizes, as far as doubtful candidates need them.

Where nothing is found, `find_turned` looks at the other three ways up, and `find_small` for faces
that the copies of the other looks are too small for; see docs/adr/0006-finding-faces.md.
"""

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
# Closer looks at a photo in which nothing was found. Of ten faces of 37 px in 3000 x 2000 px none
# is seen on a copy of 1280 px, 6 to 9 on one of 1920 px, and all at full size, which takes three
# times as long: it is only for photos in which the look before found any.
CLOSE_SIDES_PX = (1920, 3840)
TILE_PX = 1280
# The other three ways up are looked at on a small copy, for faces that cannot be doubted.
_TURNED_SIDE_PX = 448
_TURNED_FACE_PX = 12
TILE_OVERLAP_PX = 128  # a larger face is seen on a smaller copy
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


_NONE = Candidates(np.empty((0, 4)), np.empty(0))
_HALF_TURN = 2  # in quarters


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

    def find_turned(self, image: RgbImage) -> tuple[int, list[Box]]:
        """Look at an image the other three ways up, for large faces alone.

        Returns:
            The quarter turns counterclockwise that show the likeliest faces, and the boxes of these
            in the turned image; 0 and none where there is no sure face.
        """
        looks = self._network.looks
        scale = min(_TURNED_SIDE_PX / max(image.shape[:2]), 1.0)
        small = shrink(image, scale)
        best, sum_of_scores, turned_by = _NONE, 0.0, 0
        for quarters in (1, 3, 2):
            turned = np.ascontiguousarray(np.rot90(small, quarters))
            size_px = image.shape[1::-1] if quarters == _HALF_TURN else image.shape[:2]
            seen = _in_pixels_of(size_px, self._network.look(turned), turned)
            is_clear = (seen.scores >= looks.sure) & (seen.sides_px() * scale >= _TURNED_FACE_PX)
            found = seen.chosen(is_clear)
            if found.scores.sum() > sum_of_scores:
                best, sum_of_scores, turned_by = found, float(found.scores.sum()), quarters
        return turned_by, _as_boxes(best)

    def find_small(self, image: RgbImage) -> list[Box]:
        """Look closely, tile by tile, at a large image in which `find` found nothing."""
        longest = max(image.shape[:2])
        found = _NONE
        for side in CLOSE_SIDES_PX:
            scale = min(1.0, side / longest)
            if scale * longest <= max(self._network.looks.sides_px):
                break
            seen = self._look_in_tiles(image, scale)
            accepted = seen.chosen(seen.scores >= self._network.looks.accepted)
            found = keep_distinct(found.joined(accepted))
            if len(found) == 0 or scale == 1.0:
                break
        return _as_boxes(found)

    def _look_in_tiles(self, image: RgbImage, scale: float) -> Candidates:
        """Return the candidates in pixels of the image, each once."""
        small = shrink(image, scale)
        found = _NONE
        for top in tile_starts(small.shape[0]):
            for left in tile_starts(small.shape[1]):
                tile = small[top : top + TILE_PX, left : left + TILE_PX]
                seen = self._network.look(np.ascontiguousarray(tile))
                corners = seen.corners + np.array([left, top, left, top])
                found = found.joined(Candidates(corners, seen.scores))
        return _in_pixels_of(image.shape[1::-1], found, small)

    def _look(self, image: RgbImage, scale: float) -> Candidates:
        """Return the candidates in pixels of the image, each once and cut to it."""
        small = shrink(image, scale)
        return _in_pixels_of(image.shape[1::-1], self._network.look(small), small)


def _in_pixels_of(size_px: tuple[int, ...], seen: Candidates, small: RgbImage) -> Candidates:
    """Return the candidates of a copy in pixels of the image of that size, each once, cut to it."""
    size = np.array(size_px * 2)
    corners = seen.corners * (size / np.array(small.shape[1::-1] * 2))
    return keep_distinct(Candidates(corners.clip(0, size), seen.scores))


def tile_starts(side_px: int) -> list[int]:
    """Return where the tiles along a side begin: evenly spread, overlapping, covering all of it."""
    if side_px <= TILE_PX:
        return [0]
    count = -(-(side_px - TILE_OVERLAP_PX) // (TILE_PX - TILE_OVERLAP_PX))
    return [round(start) for start in np.linspace(0, side_px - TILE_PX, count)]


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
