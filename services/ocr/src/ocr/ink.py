"""Ink of an image, and its rows that no detected line covers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from ocr.preparation import Corners, box_corners, line_height
from ocr.tiling import Tile, cut_tiles

# Enough to tell rows of 6 pt on A4, at a hundredth of the detector's cost.
_MOST_PIXELS = 1_700_000
_GROUND_STEP = 4  # the ground varies slowly: a quarter of the size tells it
_GROUND_WINDOW = 31  # 124 pixels: more than twice the stroke of any letter
_LEAST_CONTRAST = 30.0  # of grey levels
_NOISE_LEVELS = 6.0  # contrast in medians of the noise
_CALM_CONTRAST = 14  # of the grain of paper; the texture of a scene has more
_CALM_SHARE = 0.8  # of the pixels of a page; scenes have less
_LEAST_LETTER_PX = 5
_MOST_LETTER_HEIGHTS = 5.0  # of a letter, in heights of the median line
_LEAST_LETTER_HEIGHTS = 0.25
_MOST_LETTER_SHARE = 0.7  # of the image's height, where no line was found
_MOST_LETTER_ASPECT = 25.0  # a joined word of Devanagari; rules are longer
_MOST_STROKE_ASPECT = 12.0  # heights of the letter I in widths; upright rules are thinner
_COVERED_SHARE = 0.4
_ROW_GROUND = 0.3  # of a row's height, around its letters as the detector has it
_STROKE_ASPECT = 4.0  # least heights of an I without serifs, in widths; a 1 is wider
_HALF = 0.5
_STROKE_SHARE = 0.85  # least ink of the box around it
_LETTER_GAP = 1.2  # most distance of two letters of a row, in heights


@dataclass(frozen=True, slots=True)
class Ink:
    """Connected components of ink.

    Attributes:
        labels: (height, width) int32, the connected component of each pixel; 0 is ground.
        stats: (n, 5) int32, left, top, width, height and area of each component.
        scale: pixels of `labels` for one pixel of the image.
        is_calm: the ground is even, as of a page and unlike that of a scene.
    """

    labels: NDArray[np.int32]
    stats: NDArray[np.int32]
    scale: float
    is_calm: bool


@dataclass(frozen=True, slots=True)
class InkRow:
    """A row of letters that no line covers, in pixels of the image."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def corners(self) -> Corners:
        """The corners of a line there, with some ground around its letters."""
        edge = _ROW_GROUND * self.height
        return box_corners(self.left - edge, self.top - edge, self.right + edge, self.bottom + edge)

    @property
    def aspect(self) -> float:
        """Width in heights."""
        return (self.right - self.left) / max(1.0, self.height)


class TiledImage:
    """Image in the tiles that it is searched in, with the ink of each.

    Args:
        pixels: (height, width, 3) uint8, sRGB.
    """

    def __init__(self, pixels: RgbImage) -> None:
        self.pixels = pixels
        self.tiles = cut_tiles(*pixels.shape[:2])
        self._ink: Ink | None = None

    def ink_of(self, tile: Tile) -> Ink:
        """Return the ink of a tile; that of an only one is kept, 7 MB for each."""
        if self._ink is not None:
            return self._ink
        ink = find_ink(np.ascontiguousarray(tile.of(self.pixels)))
        if len(self.tiles) == 1:
            self._ink = ink
        return ink


def find_ink(pixels: RgbImage) -> Ink:
    """Return the marks that differ from their ground, dark or light.

    Args:
        pixels: (height, width, 3) uint8, sRGB.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, math.sqrt(_MOST_PIXELS / (height * width)))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    coarse = cv2.resize(
        grey,
        (max(1, size[0] // _GROUND_STEP), max(1, size[1] // _GROUND_STEP)),
        interpolation=cv2.INTER_AREA,
    )
    edge = _GROUND_WINDOW // 2
    framed = cv2.copyMakeBorder(coarse, edge, edge, edge, edge, cv2.BORDER_REFLECT)
    ground = cv2.medianBlur(framed, _GROUND_WINDOW)[edge:-edge, edge:-edge]
    difference = cv2.absdiff(grey, cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR))
    noise = float(np.median(difference[::_GROUND_STEP, ::_GROUND_STEP]))
    mask = (difference > max(_LEAST_CONTRAST, _NOISE_LEVELS * noise)).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    calm = float(np.mean(difference[::_GROUND_STEP, ::_GROUND_STEP] < _CALM_CONTRAST))
    return Ink(np.asarray(labels, np.int32), np.asarray(stats, np.int32), scale, calm > _CALM_SHARE)


def uncovered_rows(ink: Ink, lines: Sequence[Corners]) -> list[InkRow]:
    """Return the rows of letters that no line covers, the largest first.

    Args:
        ink: of the image.
        lines: the corners of the lines that were found, in pixels of the image.
    """
    is_letter = _letters(ink, lines)
    is_letter[0] = False
    if not is_letter.any():
        return []
    step = float(np.median(ink.stats[is_letter, cv2.CC_STAT_HEIGHT])) * _LETTER_GAP
    kernel = np.ones((1, 2 * max(1, round(step / 2)) + 1), np.uint8)
    joined = cv2.dilate(is_letter[ink.labels].view(np.uint8), kernel)
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    margin = kernel.shape[1] // 2
    rows = [
        InkRow(
            max(0, left + margin) / ink.scale,
            top / ink.scale,
            max(left + margin + 1, left + width - margin) / ink.scale,
            (top + height) / ink.scale,
        )
        for left, top, width, height, _ in stats[1:].tolist()
    ]
    return sorted(rows, key=lambda row: row.height * (row.right - row.left), reverse=True)


def is_plain_stroke(pixels: RgbImage, line: Corners) -> bool:
    """Return whether the ink of a line is one upright stroke, as of an I without serifs."""
    left, top = np.maximum(np.floor(line.min(axis=0)).astype(int), 0)
    right, bottom = np.ceil(line.max(axis=0)).astype(int)
    cut = pixels[top:bottom, left:right]
    if cut.size == 0:
        return False
    grey = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)
    _, mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = mask if mask.mean() < _HALF else 1 - mask
    rows, columns = np.nonzero(ink)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    return bool(height >= _STROKE_ASPECT * width and ink.sum() >= _STROKE_SHARE * height * width)


def cover(shape: tuple[int, ...], lines: Sequence[Corners], scale: float) -> NDArray[np.uint8]:
    """Return a mask of a shape that is 1 where a line is, 0 elsewhere."""
    mask = np.zeros(shape[:2], np.uint8)
    for line in lines:
        cv2.fillConvexPoly(mask, np.rint(line * scale).astype(np.int32), 1)
    return mask


def _letters(ink: Ink, lines: Sequence[Corners]) -> NDArray[np.bool_]:
    """Return which components look like letters that no line covers."""
    width, height, area = (
        ink.stats[:, column].astype(float)
        for column in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA)
    )
    inside = np.bincount(
        ink.labels.ravel(), cover(ink.labels.shape, lines, ink.scale).ravel(), len(area)
    )
    least, most = float(_LEAST_LETTER_PX), _MOST_LETTER_SHARE * ink.labels.shape[0]
    if lines:
        usual = float(np.median([line_height(line) for line in lines])) * ink.scale
        least = max(least, _LEAST_LETTER_HEIGHTS * usual)
        most = min(most, _MOST_LETTER_HEIGHTS * usual)
    result: NDArray[np.bool_] = (
        (inside < _COVERED_SHARE * area)
        & (height >= least)
        & (height <= most)
        & (width <= _MOST_LETTER_ASPECT * height)
        & (height <= _MOST_STROKE_ASPECT * width)
    )
    return result
