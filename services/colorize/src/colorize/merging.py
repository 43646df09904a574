"""Merge of new colors into an image, along the edges of its lightness."""

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from colorize.pixels import ReducedImage, lightness_of, reduce_image, resize
from modelkit.images import RgbImage

_GUIDE_SIDE_PX = 512  # long side, about, at which color is bound to the edges of the luma
_GUIDE_RADIUS_PX = 8
_GUIDE_SOFTNESS = 160.0  # in luma squared: edges below about 13 of 255 do not hold colors apart
_BAND_ROWS = 256  # 25 MP in one piece would take 700 MB of float32
_MIDDLE = 128.0  # of Cr and of Cb: no color


@dataclass(frozen=True, slots=True)
class _Tint:
    """Y, Cr and Cb as linear functions of the luma at each place of a small image.

    Attributes:
        gains: (3, height, width) float32.
        offsets: (3, height, width) float32.
        factor: How many pixels of the image one of these covers along each side.
    """

    gains: NDArray[np.float32]
    offsets: NDArray[np.float32]
    factor: int


def make_guide(image: RgbImage) -> ReducedImage:
    """Return the small copy of an image that its new colors are fitted to.

    Args:
        image: (height, width, 3) uint8, sRGB.
    """
    return reduce_image(image, side_px=_GUIDE_SIDE_PX)


def merge_chroma(image: RgbImage, guide: ReducedImage, chroma: NDArray[np.float32]) -> RgbImage:
    """Return the image with new chroma, which follows the edges of its luma.

    The linear model of a guided filter is fitted small and applied at full size, in Y'CrCb, where a
    pixel costs a tenth of what it costs in CIELAB. The luma moves with the chroma by as much as
    keeps L of CIELAB where it was.

    Source: He and Sun 2015, Fast Guided Filter (arXiv:1505.00996).

    Args:
        image: (height, width, 3) uint8, sRGB.
        guide: What `make_guide` returns for it.
        chroma: (small height, small width, 2) float32, ab of the whole image.
    """
    tint = _fit_tint(guide, chroma)
    height = guide.pixels.shape[0]
    merged = np.empty_like(image)
    step = max(1, _BAND_ROWS // guide.factor)
    for first in range(0, height, step):
        rows = slice(first * guide.factor, (first + step) * guide.factor)
        merged[rows] = _tint_band(image[rows], tint, first, min(first + step, height))
    return merged


def _fit_tint(guide: ReducedImage, chroma: NDArray[np.float32]) -> _Tint:
    """Fit linear functions of the luma to the colors around each pixel (guided filter)."""
    colors = _as_offsets(lightness_of(resize(guide.pixels, *chroma.shape[:2])), chroma)
    larger = cv2.resize(colors, guide.pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    luma = cv2.cvtColor(guide.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean_luma = _blur(luma)
    spread = _blur(luma * luma) - mean_luma * mean_luma + _GUIDE_SOFTNESS
    gains, offsets = [], []
    for channel in cv2.split(larger):
        mean = _blur(channel)
        gain = (_blur(luma * channel) - mean_luma * mean) / spread
        gains.append(_blur(gain))
        offsets.append(_blur(mean - gain * mean_luma))
    # The offsets found are from grey: of Y from the luma itself, of Cr and Cb from the middle.
    gains[0] += 1
    offsets[1] += _MIDDLE
    offsets[2] += _MIDDLE
    return _Tint(np.stack(gains), np.stack(offsets), guide.factor)


def _as_offsets(lightness: NDArray[np.float32], chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the difference of each pixel's Y, Cr and Cb from grey of that lightness.

    Args:
        lightness: (height, width) float32, L of CIELAB.
        chroma: (height, width, 2) float32, ab.

    Returns:
        (height, width, 3) float32, of 255.
    """
    lab = np.dstack([lightness, chroma])
    grey = np.dstack([lightness, np.zeros_like(chroma)])
    colored, plain = (
        cv2.cvtColor(cv2.cvtColor(one, cv2.COLOR_LAB2RGB), cv2.COLOR_RGB2YCrCb)
        for one in (lab, grey)
    )
    return np.asarray((colored - plain) * 255, dtype=np.float32)


def _blur(plane: MatLike) -> NDArray[np.float32]:
    side = 2 * _GUIDE_RADIUS_PX + 1
    blurred = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, dtype=np.float32)


def _tint_band(band: RgbImage, tint: _Tint, first: int, end: int) -> RgbImage:
    """Return some rows of the image in color, those that rows `first` to `end` cover."""
    luma = cv2.cvtColor(band, cv2.COLOR_RGB2GRAY).astype(np.float32)
    planes = []
    for gain, offset in zip(tint.gains, tint.offsets, strict=True):
        larger = _enlarge_rows(gain, tint.factor, first, end)[: band.shape[0], : band.shape[1]]
        larger *= luma
        added = _enlarge_rows(offset, tint.factor, first, end)[: band.shape[0], : band.shape[1]]
        # As bytes: rounded, and cut to 0 ... 255.
        planes.append(cv2.add(larger, added, dtype=cv2.CV_8U))
    return np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB), dtype=np.uint8)


def _enlarge_rows(
    plane: NDArray[np.float32], factor: int, first: int, end: int
) -> NDArray[np.float32]:
    """Return rows `first` to `end` of a plane enlarged by a whole number, bilinear.

    One more row on either side is enlarged too and cut off, so that bands meet without a seam.
    """
    above, below = min(first, 1), min(plane.shape[0] - end, 1)
    rows = plane[first - above : end + below]
    size = (rows.shape[1] * factor, rows.shape[0] * factor)
    larger = cv2.resize(rows, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger[above * factor : len(larger) - below * factor], dtype=np.float32)
