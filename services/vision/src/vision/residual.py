"""Residual network of the emotion classifier, in torch."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class ResidualNetwork(nn.Module):
    """Small residual network: stem, stages of two-convolution blocks, mean, linear.

    Source: He et al. 2015 (arXiv:1512.03385), with the average-pooled shortcut of He et al. 2018
    (arXiv:1812.01187, section 4.2, ResNet-D).

    Args:
        in_channels: Channels of the input image.
        stem_channels: Channels after the first convolution.
        stem_stride: Stride of the first convolution.
        widths: Channels of each stage.
        depths: Blocks of each stage.
        strides: Stride of each stage's first block.
        classes: Number of outputs.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        stem_channels: int,
        stem_stride: int,
        widths: Sequence[int],
        depths: Sequence[int],
        strides: Sequence[int],
        classes: int,
    ) -> None:
        super().__init__()
        self.stem = _convolve(in_channels, stem_channels, stride=stem_stride)
        blocks: list[nn.Module] = []
        channels = stem_channels
        for width, depth, stride in zip(widths, depths, strides, strict=True):
            for index in range(depth):
                blocks.append(_Block(channels, width, stride=stride if index == 0 else 1))
                channels = width
        self.stages = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (count, classes), for images (count, channels, height, width)."""
        maps = self.stages(functional.relu(self.stem(images)))
        features = maps.mean(dim=(2, 3), dtype=self.head.weight.dtype)
        logits: Tensor = self.head(features)
        return logits


class _Block(nn.Module):
    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.first = _convolve(channels, width, stride=stride)
        self.second = _convolve(width, width, stride=1)
        # The block starts as its own shortcut, which steadies the first steps of training.
        last = self.second[-1]
        if isinstance(last, nn.BatchNorm2d):
            nn.init.zeros_(last.weight)
        shortcut: list[nn.Module] = []
        if stride != 1:
            shortcut.append(nn.AvgPool2d(stride, ceil_mode=True))
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
