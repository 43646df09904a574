"""Preparation of an image for the engines: fit, turn, crop and flatten the light."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage

# Corners of a line in pixels, (4, 2) float64, clockwise from the corner where reading starts.
Corners = NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
GreyImage = NDArray[np.uint8]

# An A4 page at 250 dpi; more detail helps no engine and costs memory.
MAX_SIDE_PX = 3000
# Below this there is no room for a letter; PP-OCR's detector needs 32 pixels.
MIN_SIDE_PX = 32
# Longer images keep their size, for they are searched in tiles: a screenshot of a whole chat or a
# scanned roll would have letters of five pixels.
LONG_ASPECT = 3.0
MAX_LONG_SIDE_PX = 32_000  # Tesseract and OpenCV count the pixels of a side in 15 bits
# Wider images than this are padded above and below: the detector misses text that fills them.
MAX_ASPECT = 8.0
_WIDEST_PADDED_PX = 1600  # of a tile

_UPRIGHT = 1.5  # heights for each width; rapidocr reads such crops as lines that run downwards
_LETTER_ASPECT = 3.0  # most heights of the box of a letter in widths
_BACKGROUND_PX = 41  # wider than a pen stroke, smaller than a shadow


@dataclass(frozen=True, slots=True)
class FittedImage:
    """Image scaled for the engines.

    Attributes:
        pixels: (height, width, 3) uint8, sRGB.
        scale: how many fitted pixels one pixel of the original became.
        top_px: rows added above, in fitted pixels.
        original_height: height of the original in pixels.
        original_width: width of the original in pixels.
        stretch: how much wider and higher its pixels were made, beside `scale`, to be square.
    """

    pixels: RgbImage
    scale: float
    top_px: int
    original_height: int
    original_width: int
    stretch: tuple[float, float] = (1.0, 1.0)

    def to_original(self, corners: Corners) -> Corners:
        """Return corners of the fitted image in pixels of the original, within its edges."""
        moved = (corners - (0.0, float(self.top_px))) / (self.scale * np.array(self.stretch))
        return np.clip(moved, (0.0, 0.0), (float(self.original_width), float(self.original_height)))


def fit(pixels: RgbImage, stretch: float = 1.0) -> FittedImage:
    """Bring an image to a size that the engines read well and within their memory.

    Args:
        pixels: (height, width, 3) uint8, sRGB.
        stretch: the height of a pixel in widths; a fax has pixels twice as high as wide.
    """
    original: tuple[int, int] = pixels.shape[0], pixels.shape[1]
    wider, higher = max(1.0, 1 / stretch), max(1.0, stretch)
    height, width = original[0] * higher, original[1] * wider
    longer, shorter = max(height, width), min(height, width)
    is_long = longer > LONG_ASPECT * shorter
    most = MAX_LONG_SIDE_PX / longer if is_long else MAX_SIDE_PX / longer
    # A strip of few pixels holds no letter, and is not made longer than a page for it.
    larger = max(1.0, min(MIN_SIDE_PX / shorter, MAX_SIDE_PX / longer))
    scale = min(most, MAX_SIDE_PX / shorter, larger)
    if scale != 1.0 or stretch != 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)
    height, width = pixels.shape[:2]
    wanted = max(MIN_SIDE_PX, round(min(width, _WIDEST_PADDED_PX) / MAX_ASPECT))
    top_px = max(0, (wanted - height + 1) // 2)
    if top_px:
        edge = np.concatenate([pixels[0], pixels[-1]])
        color = [float(value) for value in np.median(edge, axis=0)]
        padded = cv2.copyMakeBorder(pixels, top_px, top_px, 0, 0, cv2.BORDER_CONSTANT, value=color)
        pixels = np.asarray(padded, np.uint8)
    return FittedImage(pixels, scale, top_px, *original, (wider, higher))


def turn(pixels: RgbImage, degrees: int) -> RgbImage:
    """Turn an image clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, k=-degrees // 90))


def turn_back(corners: Corners, degrees: int, *, height: int, width: int) -> Corners:
    """Return corners of a turned image in the frame of the image before `turn`.

    Args:
        corners: (4, 2), in pixels of the turned image.
        degrees: how far it was turned clockwise: 0, 90, 180 or 270.
        height: height before the turn, in pixels.
        width: width before the turn, in pixels.
    """
    x, y = corners[:, 0], corners[:, 1]
    places = {
        0: (x, y),
        90: (y, height - x),
        180: (width - x, height - y),
        270: (width - y, x),
    }
    return np.stack(places[degrees], axis=1)


def crop(pixels: NDArray[np.uint8], corners: Corners, *, max_aspect: float) -> NDArray[np.uint8]:
    """Cut a line out of an image and lay it level.

    Args:
        pixels: (height, width, 3) or (height, width) uint8.
        corners: (4, 2), in pixels of `pixels`.
        max_aspect: the widest crop in heights; longer ones are squeezed, which bounds memory.
    """
    # Without what is far from the line: OpenCV counts pixels of a side in 15 bits.
    left, top = np.maximum(corners.min(axis=0).astype(int) - 2, 0)
    right, bottom = np.maximum(corners.max(axis=0).astype(int) + 3, (left + 1, top + 1))
    pixels = pixels[min(top, pixels.shape[0] - 1) : bottom, min(left, pixels.shape[1] - 1) : right]
    corners = corners - (left, top)
    top_left, top_right, bottom_right, bottom_left = corners
    width = max(np.hypot(*(top_right - top_left)), np.hypot(*(bottom_right - bottom_left)), 1.0)
    height = max(np.hypot(*(bottom_left - top_left)), np.hypot(*(bottom_right - top_right)), 1.0)
    width = min(width, height * max_aspect)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    cut = cv2.warpPerspective(
        pixels,
        matrix,
        (max(1, round(width)), max(1, round(height))),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cut, np.uint8)


def part(corners: Corners, start: float, end: float) -> Corners:
    """Return the corners of the part of a line between two shares of its length, in [0, 1]."""
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    matrix = cv2.getPerspectiveTransform(unit, corners.astype(np.float32))
    places = np.array([[[start, 0.0], [end, 0.0], [end, 1.0], [start, 1.0]]])
    return np.asarray(cv2.perspectiveTransform(places, matrix)[0], np.float64)


def is_upright(corners: Corners) -> bool:
    """Return whether a line runs down or up: it is much higher than wide."""
    top_left, top_right, bottom_right, bottom_left = corners
    width = max(np.hypot(*(top_right - top_left)), np.hypot(*(bottom_right - bottom_left)))
    height = max(np.hypot(*(bottom_left - top_left)), np.hypot(*(bottom_right - top_right)))
    return bool(height >= _UPRIGHT * width)


def runs_upright(corners: Corners) -> bool:
    """Return whether a line runs down or up and is too long for a single letter."""
    along, down = sides(corners)
    return down > _LETTER_ASPECT * along


def are_mostly_upright(pieces: Sequence[Corners]) -> bool:
    """Return whether more than half of the pieces run down or up, as on a page on its side."""
    return sum(map(runs_upright, pieces)) > len(pieces) / 2


def box_corners(left: float, top: float, right: float, bottom: float) -> Corners:
    """Return the corners of an upright box."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def sides(corners: Corners) -> tuple[float, float]:
    """Return the lengths of a line's first side, along its letters, and of its last one."""
    along, down = (float(np.hypot(*(corners[end] - corners[0]))) for end in (1, 3))
    return along, down


def aspect(corners: Corners) -> float:
    """Return the length of a line in heights."""
    along, down = sides(corners)
    return along / max(1.0, down)


def line_height(corners: Corners) -> float:
    """Return the height of a line of letters in pixels: its shorter side."""
    return min(sides(corners))


def downward(corners: Corners) -> Corners:
    """Return corners from where a line that runs downwards begins: its upper right one."""
    rolled: Corners = np.roll(corners, -1, axis=0)
    return rolled


def upward(corners: Corners) -> Corners:
    """Return corners from where a line that runs upwards begins: its lower left one."""
    rolled: Corners = np.roll(corners, 1, axis=0)
    return rolled


def grow(corners: Corners, share: float) -> Corners:
    """Push the corners of a line outwards by a share of its height."""
    top_left, top_right, bottom_right, bottom_left = corners
    along = _unit(top_right + bottom_right - top_left - bottom_left)
    down = _unit(bottom_left + bottom_right - top_left - top_right)
    height = float(np.hypot(*(bottom_left - top_left)) + np.hypot(*(bottom_right - top_right))) / 2
    step = share * height
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    moves = np.array([along * right + down * below for right, below in signs])
    grown: Corners = corners + moves * step
    return grown


def flatten_light(pixels: RgbImage) -> GreyImage:
    """Return a grey image without shadows: each pixel divided by its background."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BACKGROUND_PX, _BACKGROUND_PX))
    # The background varies slowly: a quarter of the size finds it at a sixteenth of the cost.
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    closed = cv2.medianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel), 21)
    background = cv2.resize(closed, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(grey, background, scale=255), np.uint8)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.hypot(*vector))
    return vector / length if length else vector
