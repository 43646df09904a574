"""Lightness and size of images, and detection of colors."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelkit.images import RgbImage

# A toned print has one ab for each L. Mean distance of ab from the curve through them: at most 3.3
# in ten scans of 1850-1916, 0.5 in 250 photos turned sepia, more in 88 % of the 250 in color.
TONE_SPREAD = 3.5
# Mean distance of ab from its own mean that no sepia reaches: at most 9.5 in the same images.
COLORED_SPREAD = 11.0
_GLANCE_SIDE_PX = 128  # the size at which an image is judged to be colored: grain is gone


@dataclass(frozen=True, slots=True)
class ReducedImage:
    """Image reduced by a whole factor.

    Attributes:
        pixels: (height, width, 3) uint8, sRGB.
        factor: Pixels of the image that one of these covers along each side.
    """

    pixels: RgbImage
    factor: int


def is_colored(image: RgbImage) -> bool:
    """Return whether an image has colors already; the one tone of a sepia print is none.

    Args:
        image: (height, width, 3) uint8, sRGB.
    """
    pixels = to_lab(reduce_image(image, side_px=_GLANCE_SIDE_PX).pixels).reshape(-1, 3)
    lightness, chroma = pixels[:, 0] / 100, pixels[:, 1:]
    powers = np.stack([np.ones_like(lightness), lightness, lightness**2], axis=1)
    tone = powers @ np.linalg.lstsq(powers, chroma)[0]
    if _mean_distance(chroma, tone) > TONE_SPREAD:
        return True
    return _mean_distance(chroma, chroma.mean(axis=0)) > COLORED_SPREAD


def _mean_distance(chroma: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(chroma - other, axis=1).mean())


def lightness_of(image: RgbImage) -> NDArray[np.float32]:
    """Return L of CIELAB, (height, width) float32 in [0, 100].

    Args:
        image: (height, width, 3) uint8, sRGB.
    """
    return np.ascontiguousarray(to_lab(image)[..., 0])


def reduce_image(image: RgbImage, *, side_px: int) -> ReducedImage:
    """Return an image reduced by a whole factor, its long side about `side_px`.

    OpenCV averages three times faster by a whole factor than by any other. The rest at the right
    and at the bottom repeats its neighbors.

    Args:
        image: (height, width, 3) uint8, sRGB.
        side_px: The wished long side; a smaller image stays as it is.
    """
    shortest: int = min(image.shape[:2])
    factor = min(max(1, round(max(image.shape[:2]) / side_px)), shortest)
    height, width = (side // factor for side in image.shape[:2])
    whole = image[: height * factor, : width * factor]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    bottom, right = (int(side % factor > 0) for side in image.shape[:2])
    padded = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return ReducedImage(np.asarray(padded, dtype=np.uint8), factor)


def resize(image: RgbImage, height: int, width: int) -> RgbImage:
    """Return the image at another size, antialiased when it becomes smaller.

    Args:
        image: (height, width, 3) uint8, sRGB.
        height: The new height in pixels.
        width: The new width in pixels.
    """
    shrinks = height * width < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)


def squeeze(image: RgbImage, side_px: int, *, is_cubic: bool) -> RgbImage:
    """Return the image as a square, scaled as Pillow does from at most about twice its size.

    Args:
        image: (height, width, 3) uint8, sRGB.
        side_px: Side of the square.
        is_cubic: By the bicubic filter instead of the bilinear one.
    """
    how = Image.Resampling.BICUBIC if is_cubic else Image.Resampling.BILINEAR
    nearer = Image.fromarray(reduce_image(image, side_px=2 * side_px).pixels)
    return np.asarray(nearer.resize((side_px, side_px), how))


def grey_of(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sRGB without color, (3, height, width) float32 in [0, 1].

    Args:
        lightness: (height, width) float32, L of CIELAB in [0, 100].
    """
    nothing = np.zeros_like(lightness)
    grey = cv2.cvtColor(np.dstack([lightness, nothing, nothing]), cv2.COLOR_LAB2RGB)
    return np.ascontiguousarray(grey.transpose(2, 0, 1), np.float32)


def to_lab(image: RgbImage) -> NDArray[np.float32]:
    """Return CIELAB, (height, width, 3) float32, L in [0, 100].

    Args:
        image: (height, width, 3) uint8, sRGB.
    """
    shares = image.astype(np.float32)
    shares /= 255
    return np.asarray(cv2.cvtColor(shares, cv2.COLOR_RGB2LAB), dtype=np.float32)
