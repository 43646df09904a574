"""Groups lines that belong together to blocks, such as paragraphs and columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ocr.layout import level_boxes
from ocr.preparation import Corners, box_corners

_LEAST_OVERLAP = 0.5  # of the narrower of two lines of a block
_MOST_HEIGHTS = 1.5  # of two lines of a block, the taller in heights of the other
_NEAR = 0.8  # heights between two lines of a block; an empty line leaves more
_SPACING = 1.3  # the same in usual gaps of the page, whose lines may stand far apart


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a page.

    Attributes:
        of_lines: the block of each line, counted from 0.
        corners: of each block, clockwise.
    """

    of_lines: tuple[int, ...]
    corners: tuple[Corners, ...]


def find_blocks(lines: Sequence[Corners]) -> Blocks:
    """Group lines, which come in reading order: a block is a run of lines below each other."""
    if not lines:
        return Blocks((), ())
    boxes, frame = level_boxes(lines)
    gaps = [_gap(*pair) for pair in pairwise(boxes) if _is_aligned(*pair)]
    usual = float(np.median(gaps)) if gaps else 0.0
    joined = [_is_joined(*pair, usual) for pair in pairwise(boxes)]
    of_lines = np.cumsum([0, *(not is_joined for is_joined in joined)])
    groups = [boxes[of_lines == block] for block in range(of_lines[-1] + 1)]
    return Blocks(
        tuple(int(block) for block in of_lines), tuple(_hull(group, frame) for group in groups)
    )


def _is_joined(upper: NDArray[np.float64], lower: NDArray[np.float64], usual: float) -> bool:
    heights = sorted(box[3] - box[1] for box in (upper, lower))
    near = max(_NEAR * heights[0], _SPACING * usual)
    return (
        _is_aligned(upper, lower)
        and heights[1] <= _MOST_HEIGHTS * heights[0]
        and _gap(upper, lower) <= near
    )


def _is_aligned(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> bool:
    """Return whether one line stands below the other."""
    overlap = min(upper[2], lower[2]) - max(upper[0], lower[0])
    narrower = min(upper[2] - upper[0], lower[2] - lower[0])
    middles = (lower[1] + lower[3]) - (upper[1] + upper[3])
    return bool(overlap >= _LEAST_OVERLAP * narrower and middles > 0)


def _gap(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> float:
    return float(lower[1] - upper[3])


def _hull(boxes: NDArray[np.float64], frame: NDArray[np.float64]) -> Corners:
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    corners: Corners = box_corners(left, top, right, bottom) @ frame.T
    return corners
