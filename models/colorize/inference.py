"""Color of a pixel from the network's distribution over bins."""

import torch
from torch import Tensor


def annealed_mean(logits: Tensor, colors: Tensor, temperature: float) -> Tensor:
    """Return the ab that the distribution points at, (count, 2, height, width).

    Source: Zhang et al. 2016 (arXiv:1603.08511), equation 5.

    Args:
        logits: (count, bins, height, width).
        colors: (bins, 2) the ab of each bin.
        temperature: 1 is the mean (safe and pale), near 0 the likeliest bin (vivid and patchy).
    """
    shares = (logits / temperature).softmax(dim=1)
    return torch.einsum("nbhw,bc->nchw", shares, colors)
