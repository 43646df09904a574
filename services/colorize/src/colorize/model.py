"""Colour grey photos: a small guess of the chroma, spread over the untouched lightness."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from colorize.network import STRIDE_PX, annealed_mean, load_network
from modelkit.images import RgbImage

# A toned print has one ab for each L. Mean distance of ab from the curve through them: at most 3.4
# in ten scans of 1850-1916, 3.5 in 95 of 100 photos turned sepia, more in 88 of 100 colour photos.
TONE_SPREAD = 3.5
# Mean distance of ab from its own mean that no sepia reaches: at most 10.8 in the same pictures.
COLOURED_SPREAD = 11.0
_GLANCE_SIDE_PX = 256  # the size at which a picture is judged to be coloured

# Short side that the network sees. 112 to 160 px differ by 0.4 % of error: the fastest.
_PREDICTION_SIDE_PX = 112
_MOST_PREDICTION_SIDE_PX = 512  # long side of a very long picture
# On photos (models/colorize/evaluate.py) 0.4 and more cost error, 0.2 costs colour.
_TEMPERATURE = 0.3
_GUIDE_SIDE_PX = 512  # long side at which the chroma is bound to the edges of the lightness
_GUIDE_RADIUS_PX = 8
_GUIDE_SOFTNESS = 25.0  # in L squared: edges below about 5 L do not hold colours apart
_BAND_ROWS = 256  # 16 MP in one piece would take 800 MB of float32
_MOST_CHROMA = 110.0  # of a and of b: the corners of sRGB


@dataclass(frozen=True, slots=True)
class _Tint:
    """Chroma as a linear function of the lightness at each place of a small picture.

    Attributes:
        coefficients: (height, width, 4) float32: gain of a, gain of b, offset of a, offset of b.
    """

    coefficients: NDArray[np.float32]


class Colorizer:
    """The colour network with its weights; owned by one thread.

    Args:
        weights: The safetensors file.
        device: A torch device, "cpu" or "cuda".
    """

    def __init__(self, weights: Path, *, device: str) -> None:
        self._device = torch.device(device)
        self._network = load_network(weights, device=device)

    def colorize(self, image: RgbImage) -> RgbImage:
        """Return the picture with the colours that the network guesses and its own lightness.

        Colours that the picture already has are replaced.

        Args:
            image: (height, width, 3) uint8, sRGB.

        Returns:
            An array of the same shape and type.
        """
        chroma = self._predict(lightness_of(resize(image, *_prediction_size(image))))
        return merge_chroma(image, chroma)

    def _predict(self, lightness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ab, (height / 2, width / 2, 2), for L, (height, width) in [0, 100]."""
        batch = torch.from_numpy(lightness / 50 - 1)[None, None].to(self._device)
        with torch.inference_mode():
            guess = annealed_mean(self._network(batch), self._network.colors, _TEMPERATURE)
        chroma: NDArray[np.float32] = guess[0].permute(1, 2, 0).cpu().numpy()
        return chroma


def is_coloured(image: RgbImage) -> bool:
    """Tell whether a picture has colours already; the one tone of a sepia print is none.

    Args:
        image: (height, width, 3) uint8, sRGB.
    """
    share = min(1.0, _GLANCE_SIDE_PX / max(image.shape[:2]))
    height, width = (max(1, round(side * share)) for side in image.shape[:2])
    pixels = _lab(resize(image, height, width)).reshape(-1, 3)
    lightness, chroma = pixels[:, 0] / 100, pixels[:, 1:]
    powers = np.stack([np.ones_like(lightness), lightness, lightness**2], axis=1)
    tone = powers @ np.linalg.lstsq(powers, chroma)[0]
    if _mean_distance(chroma, tone) > TONE_SPREAD:
        return True
    return _mean_distance(chroma, chroma.mean(axis=0)) > COLOURED_SPREAD


def _mean_distance(chroma: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(chroma - other, axis=1).mean())


def merge_chroma(image: RgbImage, chroma: NDArray[np.float32]) -> RgbImage:
    """Return the picture with new chroma, which follows the edges of its lightness.

    Source: He and Sun 2015, Fast Guided Filter (arXiv:1505.00996): the linear model of a guided
    filter is fitted small and applied at full size.

    Args:
        image: (height, width, 3) uint8, sRGB.
        chroma: (small height, small width, 2) float32, ab of the whole picture.
    """
    share = min(1.0, _GUIDE_SIDE_PX / max(image.shape[:2]))
    height, width = (max(1, round(side * share)) for side in image.shape[:2])
    guide = lightness_of(resize(image, height, width))
    larger = cv2.resize(chroma, (width, height), interpolation=cv2.INTER_CUBIC)
    tint = _fit_tint(guide, np.asarray(larger, dtype=np.float32))
    merged = np.empty_like(image)
    for top in range(0, image.shape[0], _BAND_ROWS):
        rows = slice(top, min(top + _BAND_ROWS, image.shape[0]))
        merged[rows] = _tint_band(image, rows, tint)
    return merged


def _fit_tint(guide: NDArray[np.float32], chroma: NDArray[np.float32]) -> _Tint:
    """Fit a linear function of the guide to the chroma around each pixel (guided filter)."""
    mean_guide = _blur(guide)
    spread = _blur(guide * guide) - mean_guide * mean_guide
    gains, offsets = [], []
    for channel in (chroma[..., 0], chroma[..., 1]):
        mean = _blur(channel)
        together = _blur(guide * channel) - mean_guide * mean
        gain = together / (spread + _GUIDE_SOFTNESS)
        gains.append(_blur(gain))
        offsets.append(_blur(mean - gain * mean_guide))
    return _Tint(np.stack([*gains, *offsets], axis=2))


def _blur(plane: NDArray[np.floating]) -> NDArray[np.float32]:
    side = 2 * _GUIDE_RADIUS_PX + 1
    blurred = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, dtype=np.float32)


def _tint_band(image: RgbImage, rows: slice, tint: _Tint) -> RgbImage:
    """Return some rows of the picture in colour."""
    lightness = lightness_of(image[rows])
    # Plane by plane: interleaved, numpy takes five times as long over the same sums.
    gain_a, gain_b, offset_a, offset_b = cv2.split(_enlarge_band(tint.coefficients, image, rows))
    planes = [lightness]
    for gain, offset in ((gain_a, offset_a), (gain_b, offset_b)):
        plane = np.asarray(gain, dtype=np.float32)
        plane *= lightness
        plane += offset
        planes.append(plane.clip(-_MOST_CHROMA, _MOST_CHROMA, out=plane))
    colours = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_LAB2RGB)
    return np.asarray(cv2.convertScaleAbs(colours, alpha=255), dtype=np.uint8)


def _enlarge_band(plane: NDArray[np.float32], image: RgbImage, rows: slice) -> NDArray[np.float32]:
    """Return the rows of a small plane enlarged to the size of the picture, bilinear."""
    height, width = image.shape[:2]
    down, across = plane.shape[0] / height, plane.shape[1] / width
    # From pixels of the band to pixels of the plane; the middle of the first pixel is at 0.
    matrix = np.array([[across, 0, across / 2 - 0.5], [0, down, (rows.start + 0.5) * down - 0.5]])
    enlarged = cv2.warpAffine(
        plane,
        matrix,
        (width, rows.stop - rows.start),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(enlarged, dtype=np.float32)


def lightness_of(image: RgbImage) -> NDArray[np.float32]:
    """Return L of CIELAB, (height, width) float32 in [0, 100].

    Args:
        image: (height, width, 3) uint8, sRGB.
    """
    return np.ascontiguousarray(_lab(image)[..., 0])


def resize(image: RgbImage, height: int, width: int) -> RgbImage:
    """Return the picture at another size, antialiased when it becomes smaller.

    Args:
        image: (height, width, 3) uint8, sRGB.
        height: The new height in pixels.
        width: The new width in pixels.
    """
    shrinks = height * width < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)


def _prediction_size(image: RgbImage) -> tuple[int, int]:
    """Return the height and width that the network sees, multiples of its stride."""
    share = _PREDICTION_SIDE_PX / min(image.shape[:2])
    sides = [round(side * share / STRIDE_PX) * STRIDE_PX for side in image.shape[:2]]
    height, width = (min(side, _MOST_PREDICTION_SIDE_PX) for side in sides)
    return height, width


def _lab(image: RgbImage) -> NDArray[np.float32]:
    shares = image.astype(np.float32)
    shares /= 255
    return np.asarray(cv2.cvtColor(shares, cv2.COLOR_RGB2LAB), dtype=np.float32)
