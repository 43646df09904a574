"""Make the lightness of a clean photo look like that of an old one."""

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_BLURRED_SHARE = 0.3
_COMPRESSED_SHARE = 0.3
_JPEG_QUALITIES = (20, 90)  # scans on the web; below 20 hardly any
_MOST_GRAIN = 0.06  # standard deviation as a share of white, seen on the scans of 1850-1916


def age_lightness(lightness: Tensor) -> Tensor:
    """Return each picture with its own tone curve, fading, blur, grain and JPEG noise.

    The tone of a sepia print needs nothing here: the network sees the lightness alone.

    Args:
        lightness: (count, 1, height, width) float in [0, 1].
    """
    return _compress(_grain(_blur(_fade(_curve(lightness)))).clamp(0, 1))


def _curve(lightness: Tensor) -> Tensor:
    exponent = torch.exp(0.35 * torch.randn(len(lightness), 1, 1, 1))
    return lightness.clamp_min(1e-4) ** exponent


def _fade(lightness: Tensor) -> Tensor:
    black = 0.15 * torch.rand(len(lightness), 1, 1, 1) ** 2
    white = 1 - 0.2 * torch.rand(len(lightness), 1, 1, 1) ** 2
    return black + (white - black) * lightness


def _blur(lightness: Tensor) -> Tensor:
    soft = functional.avg_pool2d(
        functional.pad(lightness, (1, 1, 1, 1), mode="replicate"), kernel_size=3, stride=1
    )
    chosen = torch.rand(len(lightness), 1, 1, 1) < _BLURRED_SHARE
    return torch.where(chosen, soft, lightness)


def _grain(lightness: Tensor) -> Tensor:
    strength = _MOST_GRAIN * torch.rand(len(lightness), 1, 1, 1) ** 2
    return lightness + strength * torch.randn_like(lightness)


def _compress(lightness: Tensor) -> Tensor:
    compressed = lightness.clone()
    chosen = torch.rand(len(lightness)) < _COMPRESSED_SHARE
    for index in chosen.nonzero().flatten().tolist():
        quality = int(torch.randint(*_JPEG_QUALITIES, ()).item())
        grey = np.rint(lightness[index, 0].numpy() * 255).astype(np.uint8)
        _, file = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)
        compressed[index, 0] = torch.from_numpy(decoded).float() / 255
    return compressed
