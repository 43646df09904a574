"""Reading of clean prose by Tesseract, without the detector.

The rows of a clean page of one column are told by its ink. One call of Tesseract reads it, where
that leaves nothing in doubt; else it reads the rows one by one. The detector was trained on few
scripts: it draws no box around some lines of Thai and Burmese, and boxes of their own around the
signs below a line of Kannada. Blank rows of pixels part such lines.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.engines import PageLine, mean_confidence
from ocr.ink import Ink, TiledImage, uncovered_rows
from ocr.languages import TESSERACT_LINES, TESSERACT_PAGE, Language
from ocr.preparation import Corners, box_corners, line_height
from ocr.tesseract import Tesseract

# Of a rendered page, one saved as a JPEG of quality 90 and a scan of two levels .85 to .94 are
# ground and .00 to .04 of that is off it; 20 receipts have .065 and more, photos more than the
# ground itself.
_GROUND_LEVELS = 2
_GROUND_SHARE = 0.75
_DIRT_LEVELS = 40
_DIRT_SHARE = 0.05
_LIGHT_GROUND = 200
_LEGIBLE_PX = 16.0  # least height of a line that is read at once; smaller ones are scaled
_MOST_OVERLAP = 0.35  # of two lines, in heights: lines of a second column stand beside each other
# Of 102 pages Tesseract read 64 so, none worse by more than two letters than the languages' routes.
_SURE_PAGE = 0.9
_SURE_LINE = 0.85
_SURE_WORD = 0.7
_BAR = "|"  # Tesseract takes the letter I for it, and is sure of that
_DOUBTFUL_LINES = 0.7  # below it the rows may be wrong, and the detector is asked
_DOUBTFUL_SHARE = 0.02  # most words below it

_LEAST_BANDS = 3
_LOW_SHARE = 0.5  # of the median height; a lower band near a line is of signs above or below it
_LEAST_SHARE = 0.25  # lower ones are no line, as one of letters without ascenders is
_NEAR_SHARE = 0.35  # most distance of such signs from their line
_MOST_SHARE = 1.7  # higher bands are two lines, or no line
# Lines of one page have up to 3.8 heights of its letters, two lines that touch 4.6 and more.
_MOST_LETTERS = 4.2
# Where signs of two lines meet, the rows between have little ink, in shares of a usual row.
_THIN_SHARES = (0.0, 0.04, 0.08, 0.16, 0.24)
_MORE_BANDS = 1.5  # of bands that were pairs of lines
_ROW_GROUND = 0.12  # of the height, around the ink, as the detector has it
_TORN_ROW_GROUND = 0.35  # the same where a line's signs reach into rows of little ink
_MOST_LEAN = 0.0087  # half a degree: height for each width of a line that counts as level
_MOST_GAP = 2.0  # between two words of prose, in heights; columns and cells have more

Band = tuple[int, int]  # first row, row after the last


def read_prose(
    tesseract: Tesseract, image: TiledImage, language: Language
) -> tuple[list[PageLine], str] | None:
    """Return the lines of a clean page of one column and their route; None for other images."""
    if not is_clean(image):
        return None
    ink = image.ink_of(image.tiles[0])
    rows = find_rows(ink)
    if rows is None:
        return None
    page = []
    if language.is_quick and float(np.median([line_height(row) for row in rows])) >= _LEGIBLE_PX:
        page = tesseract.read_page(image.pixels, language)
        if not _is_one_column(page) or uncovered_rows(ink, [line.corners for line in page]):
            page = []
        if _is_sure(page):
            return page, TESSERACT_PAGE
    if language.route != TESSERACT_LINES:
        return None
    texts = zip(tesseract.read_lines(image.pixels, rows, language), rows, strict=True)
    lines = [PageLine(read.text, read.confidence, row, read.words) for read, row in texts]
    if len(page) == len(lines):
        pairs = zip(page, lines, strict=True)
        lines = [max(pair, key=lambda line: line.confidence) for pair in pairs]
    lines = [line for line in lines if line.text]
    return (lines, TESSERACT_LINES) if mean_confidence(lines) >= _DOUBTFUL_LINES else None


def is_clean(image: TiledImage) -> bool:
    """Return whether an image is print on a ground of one light color, without any noise."""
    if len(image.tiles) > 1:
        return False
    grey = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
    counts = np.bincount(grey.ravel(), minlength=256)
    ground = int(counts.argmax())
    edge = max(0, ground - _GROUND_LEVELS)
    near = int(counts[edge : ground + _GROUND_LEVELS + 1].sum())
    dirt = int(counts[max(0, ground - _DIRT_LEVELS) : edge].sum())
    is_even = near >= _GROUND_SHARE * grey.size and dirt <= _DIRT_SHARE * near
    return is_even and ground >= _LIGHT_GROUND


def _is_sure(lines: Sequence[PageLine]) -> bool:
    if not lines or any(_BAR in line.text for line in lines):
        return False
    words = [word.confidence for line in lines for word in line.words]
    doubtful = sum(confidence < _SURE_WORD for confidence in words)
    return (
        mean_confidence(lines) >= _SURE_PAGE
        and min(line.confidence for line in lines) >= _SURE_LINE
        and doubtful <= max(1.0, _DOUBTFUL_SHARE * len(words))
    )


def _is_one_column(lines: Sequence[PageLine]) -> bool:
    """Return whether there are lines, and each stands below the one before it."""
    if not lines:
        return False
    tops, bottoms = (np.array([line.corners[corner, 1] for line in lines]) for corner in (0, 2))
    height = float(np.median(bottoms - tops))
    return bool((tops[1:] >= bottoms[:-1] - _MOST_OVERLAP * height).all())


def find_rows(ink: Ink) -> list[Corners] | None:
    """Return the corners of each line, top down; None where the page is no level prose.

    Args:
        ink: of the image; the corners are in its pixels.
    """
    mask = ink.labels > 0
    profile = mask.sum(axis=1)
    usual = float(np.median(profile[profile > 0])) if mask.any() else 0.0
    letter = _letter_height(ink)
    bands: list[Band] = []
    ground = _ROW_GROUND
    for share in _THIN_SHARES:
        found = _with_signs(_runs(profile > share * usual))
        if _are_lines(found, letter) and len(found) >= _MORE_BANDS * len(bands):
            bands, ground = found, _TORN_ROW_GROUND if share else _ROW_GROUND
    if not bands:
        return None
    height = float(np.median([end - start for start, end in bands]))
    strips = [mask[start:end] for start, end in bands]
    is_level = abs(float(np.median([_lean(strip) for strip in strips]))) <= _MOST_LEAN
    if not is_level or any(_has_wide_gap(strip, height) for strip in strips):
        return None
    middles = [(band[1] + following[0]) / 2 for band, following in pairwise(bands)]
    limits = pairwise([0.0, *middles, float(len(mask))])
    return [
        _corners_of(mask, band, height, limit, ground=ground * height) / ink.scale
        for band, limit in zip(bands, limits, strict=True)
    ]


def _letter_height(ink: Ink) -> float:
    """Return the median height of the components, weighted by their ink."""
    heights, areas = (ink.stats[1:, column] for column in (cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    order = np.argsort(heights)
    below = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(below, below[-1] / 2)]) if below.size else 0.0


def _are_lines(bands: Sequence[Band], letter: float) -> bool:
    """Return whether there are bands enough, all about as high and not much above the letters."""
    if len(bands) < _LEAST_BANDS:
        return False
    heights = np.array([end - start for start, end in bands])
    usual = float(np.median(heights))
    is_even = (heights >= _LEAST_SHARE * usual).all() and (heights <= _MOST_SHARE * usual).all()
    return bool(is_even) and usual <= _MOST_LETTERS * letter


def _runs(has_ink: NDArray[np.bool_]) -> list[Band]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], has_ink, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _with_signs(bands: list[Band]) -> list[Band]:
    """Join low bands to the nearest line, if one is near."""
    if not bands:
        return []
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


def _lean(band: NDArray[np.bool_]) -> float:
    """Return how much lower the ink of a line lies for each pixel further right."""
    ys, xs = np.nonzero(band)
    away = xs - xs.mean()
    return float((away * ys).sum() / max(1.0, float((away**2).sum())))


def _has_wide_gap(band: NDArray[np.bool_], height: float) -> bool:
    runs = _runs(np.asarray(band.any(axis=0)))
    return any(start - end > _MOST_GAP * height for (_, end), (start, _) in pairwise(runs))


def _corners_of(
    mask: NDArray[np.bool_],
    band: Band,
    usual: float,
    limit: tuple[float, float],
    *,
    ground: float,
) -> Corners:
    """Return the corners of a line with some ground around it, and at least of the usual height."""
    left, _, width, _ = cv2.boundingRect(mask[slice(*band)].view(np.uint8))
    more = ground + max(0.0, usual - (band[1] - band[0])) / 2
    top, bottom = max(limit[0], band[0] - more), min(limit[1], band[1] + more)
    right = left + width + ground
    return box_corners(left - ground, top, right, bottom)
