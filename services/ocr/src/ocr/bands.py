"""Rows of clean prose from its ink alone.

The detector was trained on few scripts: it draws no box around some lines of Thai and Burmese, and
boxes of their own around the signs below a line of Kannada. Blank rows of pixels part such lines.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.ink import Ink
from ocr.preparation import Corners

_LEAST_BANDS = 3
_LOW_SHARE = 0.5  # of the median height; a lower band near a line is of signs above or below it
_LEAST_SHARE = 0.25  # lower ones are no line, as one of letters without ascenders is
_NEAR_SHARE = 0.35  # most distance of such signs from their line
_MOST_SHARE = 1.7  # higher bands are two lines, or no line
_GROUND_SHARE = 0.12  # of the height, around the ink, as the detector has it
_MOST_GAP = 2.0  # between two words of prose, in heights; columns and cells have more

Band = tuple[int, int]  # first row, row after the last


def find_rows(ink: Ink) -> list[Corners] | None:
    """Return the corners of each line, top down; None where the page is no level prose.

    Args:
        ink: of the image; the corners are in its pixels.
    """
    mask = ink.labels > 0
    bands = _runs(mask, axis=1)
    if len(bands) < _LEAST_BANDS:
        return None
    bands = _with_signs(bands)
    heights = np.array([end - start for start, end in bands])
    usual = float(np.median(heights))
    is_even = (heights >= _LEAST_SHARE * usual).all() and (heights <= _MOST_SHARE * usual).all()
    if len(bands) < _LEAST_BANDS or not is_even:
        return None
    if any(_has_wide_gap(mask[start:end], usual) for start, end in bands):
        return None
    middles = [(band[1] + following[0]) / 2 for band, following in pairwise(bands)]
    limits = pairwise([0.0, *middles, float(len(mask))])
    return [
        _corners(mask, band, usual, limit) / ink.scale
        for band, limit in zip(bands, limits, strict=True)
    ]


def _runs(mask: NDArray[np.bool_], *, axis: int) -> list[Band]:
    """Return the runs of rows (axis 1) or columns (axis 0) that have ink."""
    has_ink = np.concatenate([[False], np.asarray(mask.any(axis=axis)), [False]])
    edges = np.flatnonzero(np.diff(has_ink))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _with_signs(bands: list[Band]) -> list[Band]:
    """Join low bands to the nearest line, if one is near."""
    heights = [end - start for start, end in bands]
    usual = float(np.median([height for height in heights if height >= max(heights) / 2]))
    joined = list(bands)
    at = 0
    while at < len(joined):
        start, end = joined[at]
        gaps = {
            side: abs(joined[side][0] - end if side > at else start - joined[side][1])
            for side in (at - 1, at + 1)
            if 0 <= side < len(joined)
        }
        nearest = min(gaps, key=gaps.__getitem__, default=at)
        if end - start < _LOW_SHARE * usual and gaps and gaps[nearest] <= _NEAR_SHARE * usual:
            first, last = sorted((at, nearest))
            joined[first : last + 1] = [(joined[first][0], joined[last][1])]
            at = first
        else:
            at += 1
    return joined


def _has_wide_gap(band: NDArray[np.bool_], height: float) -> bool:
    runs = _runs(band, axis=0)
    return any(start - end > _MOST_GAP * height for (_, end), (start, _) in pairwise(runs))


def _corners(
    mask: NDArray[np.bool_], band: Band, usual: float, limit: tuple[float, float]
) -> Corners:
    """Return the corners of a line with some ground around it, and at least of the usual height."""
    left, _, width, _ = cv2.boundingRect(mask[slice(*band)].view(np.uint8))
    ground = _GROUND_SHARE * usual
    more = ground + max(0.0, usual - (band[1] - band[0])) / 2
    top, bottom = max(limit[0], band[0] - more), min(limit[1], band[1] + more)
    right = left + width + ground
    return np.array([[left - ground, top], [right, top], [right, bottom], [left - ground, bottom]])
