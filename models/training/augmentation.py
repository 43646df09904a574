"""Random changes to whole batches of images."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def random_affine(
    images: Tensor, *, size_px: int, degrees: float, shift: float, least_scale: float
) -> Tensor:
    """Return each image turned, moved, zoomed and half of them mirrored, at a new size.

    Args:
        images: (count, channels, height, width) float; edges are repeated where it shows them.
        size_px: The side of the square result.
        degrees: The largest turn to either side.
        shift: The largest move as a share of half the side.
        least_scale: The smallest share of the side that is shown; the largest is its reciprocal,
            at most 1.1.
    """
    count = len(images)
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
        [count, images.shape[1], size_px, size_px],
        align_corners=False,
    )
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
