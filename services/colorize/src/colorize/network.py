"""The network that guesses how likely each colour is at each place of a grey picture."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from modelkit.devices import Device

STRIDE_PX = 16  # the deepest features are this much smaller; input sides are multiples of it
OUTPUT_STRIDE_PX = 2  # the answer is half the input's size
_WIDTHS = (48, 96, 192, 256)
_DEPTHS = (1, 1, 2, 1)
_OUTPUT_WIDTH = 64


class ColorNetwork(nn.Module):
    """A pyramid of residual stages and a way back up; a classification over colour bins.

    Source: the classification over ab bins of Zhang et al. 2016 (arXiv:1603.08511, section 2.1);
    the way up with lateral sums of Lin et al. 2016 (arXiv:1612.03144, section 3).

    Args:
        colors: (bins, 2) float32, the ab of each bin's middle; it is stored with the weights.
    """

    colors: Tensor

    def __init__(self, colors: Tensor) -> None:
        super().__init__()
        self.register_buffer("colors", colors)
        stages: list[nn.Module] = []
        channels = 32
        self.stem = _convolve(1, channels, stride=2)
        for index, (width, depth) in enumerate(zip(_WIDTHS, _DEPTHS, strict=True)):
            stride = 1 if index == 0 else 2
            first = _Block(channels, width, stride=stride)
            rest = [_Block(width, width, stride=1) for _ in range(depth - 1)]
            stages.append(nn.Sequential(first, *rest))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.context = nn.Linear(channels, channels)
        outs = (_OUTPUT_WIDTH, *_WIDTHS[1:3])
        self.laterals = nn.ModuleList(
            nn.Conv2d(width, out, 1) for width, out in zip(_WIDTHS, outs, strict=False)
        )
        self.narrowings = nn.ModuleList(
            nn.Conv2d(above, out, 1) for above, out in zip((*outs[1:], channels), outs, strict=True)
        )
        self.merges = nn.ModuleList(_convolve(out, out, stride=1) for out in outs)
        self.head = nn.Conv2d(_OUTPUT_WIDTH, len(colors), 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """Return logits, (count, bins, height / 2, width / 2).

        Args:
            lightness: (count, 1, height, width) float, L of CIELAB / 50 - 1, so in [-1, 1]; height
                and width are multiples of 16.
        """
        features = functional.relu(self.stem(lightness))
        levels = []
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        # What the whole picture shows decides the colours of its parts.
        context = self.context(features.mean(dim=(2, 3)))[:, :, None, None]
        features = functional.relu(features + context)
        for index in (2, 1, 0):
            narrow = self.narrowings[index](features)
            larger = functional.interpolate(narrow, scale_factor=2.0, mode="nearest")
            merged = functional.relu(larger + self.laterals[index](levels[index]))
            features = functional.relu(self.merges[index](merged))
        logits: Tensor = self.head(features.to(self.head.weight.dtype))
        return logits


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


def load_network(weights: Path, *, device: Device) -> ColorNetwork:
    """Return the network with the weights of a safetensors file, ready to answer on the device.

    Args:
        weights: The safetensors file; float16 tensors are widened to float32.
        device: Where it is to compute.
    """
    tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
    network = ColorNetwork(tensors["colors"])
    network.load_state_dict(tensors)
    return device.place(network, head=network.head)


class _Block(nn.Module):
    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.first = _convolve(channels, width, stride=stride)
        self.second = _convolve(width, width, stride=1)
        shortcut: list[nn.Module] = [nn.AvgPool2d(stride)] if stride != 1 else []
        if stride != 1 or channels != width:
            shortcut += [nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        inner = self.second(functional.relu(self.first(features)))
        return functional.relu(inner + self.shortcut(features))


def _convolve(channels: int, width: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width)
    )
