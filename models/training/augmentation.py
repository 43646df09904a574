"""Random changes to whole batches of pictures."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def random_affine(
    pictures: Tensor, *, size_px: int, degrees: float, shift: float, least_scale: float
) -> Tensor:
    """Return each picture turned, moved, zoomed and half of them mirrored, at a new size.

    Args:
        pictures: (count, channels, height, width) float; edges are repeated where it shows them.
        size_px: The side of the square result.
        degrees: The largest turn to either side.
        shift: The largest move as a share of half the side.
        least_scale: The smallest share of the side that is shown; the largest is its reciprocal,
            at most 1.1.
    """
    count = len(pictures)
    angle = math.radians(degrees) * (2 * torch.rand(count) - 1)
    least, most = math.log(least_scale), math.log(min(1 / least_scale, 1.1))
    scale = torch.exp(least + (most - least) * torch.rand(count))
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)  # noqa: PLR2004  # half of them
    room = (1 - scale).clamp_min(0) + shift
    move = room[:, None] * (2 * torch.rand(count, 2) - 1)
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    first = torch.stack([cosine * mirror, -sine, move[:, 0]], dim=1)
    second = torch.stack([sine * mirror, cosine, move[:, 1]], dim=1)
    grid = functional.affine_grid(
        torch.stack([first, second], dim=1),
        [count, pictures.shape[1], size_px, size_px],
        align_corners=False,
    )
    return functional.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def random_light(pictures: Tensor, *, strength: float) -> Tensor:
    """Return each picture with its own contrast and brightness.

    Args:
        pictures: (count, channels, height, width) float in [0, 1].
        strength: The largest change of contrast as a share, and of brightness as a share of 1.
    """
    count = len(pictures)
    contrast = 1 + strength * (2 * torch.rand(count, 1, 1, 1) - 1)
    brightness = strength * (2 * torch.rand(count, 1, 1, 1) - 1)
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    return ((pictures - mean) * contrast + mean + brightness).clamp(0, 1)
