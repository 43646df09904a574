"""Colorization network of Zhang et al. 2017, without hints of the user."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

HINT_CHANNELS = 3  # a and b of the hints, and where they are; there are none here
_CLASSES = 529  # bins of ab: an output of the training, which is not computed
_LEAK = 0.2
_HALF_RANGE = 110.0  # of a and b


class Siggraph17(nn.Module):
    """U-Net from lightness to ab, with the layer names of the published weights.

    Source: Zhang et al. 2017 (arXiv:1705.02999), section 3 and figure 3.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model1 = _stage(1 + HINT_CHANNELS, 64, 64)
        self.model2 = _stage(64, 128, 128)
        self.model3 = _stage(128, 256, 256, 256)
        self.model4 = _stage(256, 512, 512, 512)
        self.model5 = _stage(512, 512, 512, 512, dilation=2)
        self.model6 = _stage(512, 512, 512, 512, dilation=2)
        self.model7 = _stage(512, 512, 512, 512)
        self.model8up, self.model3short8 = _enlargement(512, 256), _shortcut(256, 256)
        self.model8 = _stage(256, 256, 256, begins_active=True)
        self.model9up, self.model2short9 = _enlargement(256, 128), _shortcut(128, 128)
        self.model9 = _stage(128, 128, begins_active=True)
        self.model10up, self.model1short10 = _enlargement(128, 128), _shortcut(64, 128)
        self.model10 = nn.Sequential(nn.ReLU(), _convolve(128, 128), nn.LeakyReLU(_LEAK))
        self.model_class = nn.Sequential(nn.Conv2d(256, _CLASSES, 1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def forward(self, lightness: Tensor) -> Tensor:
        """Return ab, (count, 2, height, width) in [-110, 110].

        Args:
            lightness: (count, 1, height, width) float32, L of CIELAB in [0, 100]; height and width
                are multiples of 8.
        """
        numbers = functional.pad((lightness - 50) / 100, (0, 0, 0, 0, 0, HINT_CHANNELS))
        fine = self.model1(numbers)
        middle = self.model2(_halve(fine))
        coarse = self.model3(_halve(middle))
        features = self.model4(_halve(coarse))
        features = self.model7(self.model6(self.model5(features)))
        features = self.model8(self.model8up(features) + self.model3short8(coarse))
        features = self.model9(self.model9up(features) + self.model2short9(middle))
        features = self.model10(self.model10up(features) + self.model1short10(fine))
        chroma: Tensor = self.model_out(features) * _HALF_RANGE
        return chroma


def _stage(*channels: int, dilation: int = 1, begins_active: bool = False) -> nn.Sequential:
    """Return 3 x 3 convolutions with ReLU from one width to the next, and a batch norm."""
    layers: list[nn.Module] = [nn.ReLU()] if begins_active else []
    for before, after in pairwise(channels):
        layers += [_convolve(before, after, dilation=dilation), nn.ReLU()]
    return nn.Sequential(*layers, nn.BatchNorm2d(channels[-1]))


def _convolve(channels: int, width: int, *, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation)


def _enlargement(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1))


def _shortcut(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(_convolve(channels, width))


def _halve(features: Tensor) -> Tensor:
    return features[:, :, ::2, ::2]


def example() -> Tensor:
    """Return an input to export the network with."""
    return 100 * torch.rand(1, 1, 256, 256)
