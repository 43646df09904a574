"""Make a scan look like a photo: tilted, seen at an angle, small, blurred, shaded, noisy, JPEG.

The same image and seed always give the same photo.
"""

from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelkit.images import RgbImage

TILT_DEGREES = 1.8  # at most, either way
LEAN = 0.015  # how far a corner is moved at most, in widths of the image
SCALE = 0.62  # A4 at 200 dpi becomes A4 at 124 dpi
BLUR_PX = 0.8  # sigma
SHADE = 0.45  # how much darker the far corner is
NOISE = 4.0  # sigma, of 255
JPEG_QUALITY = 55
DESK = (214, 209, 201)  # what is seen beyond the page


def photograph(pixels: RgbImage, *, seed: int) -> RgbImage:
    """Return a page as a telephone would photograph it."""
    chance = np.random.default_rng(seed)
    seen = cv2.GaussianBlur(_shrink(_lean(pixels, chance)), (0, 0), BLUR_PX)
    shaded = seen * _shade(seen.shape[0], seen.shape[1], chance)[:, :, None]
    noisy = shaded + chance.normal(0.0, NOISE, shaded.shape)
    return _compress(np.clip(noisy, 0, 255).astype(np.uint8))


def _lean(pixels: RgbImage, chance: np.random.Generator) -> RgbImage:
    """Turn and slant the page at once, so that it is sampled once."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    angle = np.radians(chance.uniform(-TILT_DEGREES, TILT_DEGREES))
    middle = corners.mean(axis=0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = (corners - middle) @ turn + middle
    moved += chance.uniform(-LEAN, LEAN, (4, 2)) * width
    moved -= moved.min(axis=0)
    size = np.ceil(moved.max(axis=0)).astype(int)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
    return np.asarray(
        cv2.warpPerspective(
            pixels,
            matrix,
            (int(size[0]), int(size[1])),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=DESK,
        ),
        np.uint8,
    )


def _shrink(pixels: RgbImage) -> RgbImage:
    small = cv2.resize(pixels, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _shade(height: int, width: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Return (height, width) factors: light falls off in some direction, and unevenly."""
    angle = chance.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    slope = x * np.cos(angle) + y * np.sin(angle)
    slope = (slope - slope.min()) / (slope.max() - slope.min())
    spots = cv2.resize(
        chance.uniform(0.9, 1.0, (3, 3)), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray((1.0 - SHADE * slope) * spots)


def _compress(pixels: RgbImage) -> RgbImage:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    with Image.open(BytesIO(jpeg.tobytes())) as image:
        return np.asarray(image.convert("RGB"))
