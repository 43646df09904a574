"""An exponential moving average of a network's weights."""

import copy

import torch
from torch import nn


class AveragedNetwork:
    """A copy of a network that follows it slowly; it scores better than the network itself.

    Args:
        network: The network in training, whose weights the copy starts from.
        decay: The share of the average that each update keeps, below 1.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self.updates = 0
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the network."""
        self.updates += 1
        # Early on the average would be mostly the random start: keep less of it.
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        theirs = network.state_dict()
        for name, ours in self.network.state_dict().items():
            if ours.is_floating_point():
                ours.lerp_(theirs[name], 1 - decay)
            else:
                ours.copy_(theirs[name])
