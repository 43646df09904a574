"""Scores of classifiers and the temperature that makes their confidences honest."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_BINS = 15  # Guo et al. 2017, section 2


def classification_scores(confidences: Tensor, labels: Tensor) -> dict[str, float]:
    """Return top-1 and top-5 accuracy and the expected calibration error, all in [0, 1].

    Args:
        confidences: (count, classes) probabilities.
        labels: (count,) true classes.
    """
    top = confidences.topk(5, dim=1).indices == labels[:, None]
    return {
        "top1": round(top[:, 0].float().mean().item(), 4),
        "top5": round(top.any(dim=1).float().mean().item(), 4),
        "ece": round(calibration_error(confidences, labels), 4),
    }


def calibration_error(confidences: Tensor, labels: Tensor) -> float:
    """Return the expected calibration error over equal bins.

    Source: Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    best, answers = confidences.max(dim=1)
    right = (answers == labels).float()
    bins = (best * _BINS).long().clamp_max(_BINS - 1)
    error = 0.0
    for index in range(_BINS):
        inside = bins == index
        if inside.any():
            gap = (best[inside].mean() - right[inside].mean()).abs()
            error += gap.item() * inside.float().mean().item()
    return error


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature of least cross-entropy, by search over [0.3, 3].

    Source: Guo et al. 2017 (arXiv:1706.04599), section 4.2.
    """
    candidates = torch.linspace(0.3, 3, 136)
    losses = [functional.cross_entropy(logits / value, labels).item() for value in candidates]
    return candidates[losses.index(min(losses))].item()


@torch.no_grad()
def fold_temperature(head: nn.Linear, temperature: float) -> None:
    """Divide a network's last layer by the temperature, so that its logits come out calibrated."""
    head.weight.div_(temperature)
    head.bias.div_(temperature)
