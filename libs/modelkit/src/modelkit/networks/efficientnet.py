"""EfficientNet-Lite: a classification network, and the encoder of the project's own ones."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_NORM_EPSILON = 1e-3  # of the published weights
_NORM_MOMENTUM = 0.01
_STEM_CHANNELS = 32
_HEAD_CHANNELS = 1280


@dataclass(frozen=True, slots=True)
class Variant:
    """Size of a network of the family.

    Attributes:
        depth: factor of the number of blocks in a stage.
        size_px: side of the square images that its weights were published for.
    """

    depth: float
    size_px: int


LITE0 = Variant(1.0, 224)
LITE1 = Variant(1.1, 240)


@dataclass(frozen=True, slots=True)
class _Stage:
    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# Tan and Le 2019, table 1, which the Lite networks share.
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_PYRAMID = (1, 2, 4, 6)  # the last stages of stride 4, 8, 16 and 32


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite classifier: no squeeze-and-excitation, ReLU6 throughout.

    Source: Tan and Le 2019 (arXiv:1905.11946); the Lite variants of tensorflow/tpu,
    models/official/efficientnet/lite.

    Args:
        variant: The size.
        classes: Outputs.
        in_channels: 3, or 1 for grey images.
        dropout: Share of the last features that training leaves out.
    """

    def __init__(
        self, variant: Variant, *, classes: int, in_channels: int = 3, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.encoder = Encoder(variant, in_channels=in_channels)
        self.last = _Convolution(self.encoder.channels[-1], _HEAD_CHANNELS, kernel=1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(_HEAD_CHANNELS, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (count, classes).

        Args:
            images: (count, in_channels, height, width) float, (pixel - 127) / 128.
        """
        features = self.last(self.encoder(images)[-1])
        pooled = features.mean(dim=(2, 3)).to(self.head.weight.dtype)
        logits: Tensor = self.head(self.dropout(pooled))
        return logits


class Encoder(nn.Module):
    """Convolutional stages of an EfficientNet-Lite.

    Attributes:
        channels: Of the features at stride 4, 8, 16 and 32.

    Args:
        variant: The size.
        in_channels: 3, or 1 for grey images.
    """

    def __init__(self, variant: Variant, *, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = _Convolution(in_channels, _STEM_CHANNELS, kernel=3, stride=2)
        stages: list[nn.Module] = []
        channels = _STEM_CHANNELS
        for number, stage in enumerate(_STAGES):
            is_fixed = number in {0, len(_STAGES) - 1}  # the Lite networks do not deepen these
            blocks = stage.blocks if is_fixed else math.ceil(stage.blocks * variant.depth)
            stages.append(_make_stage(stage, channels, blocks))
            channels = stage.channels
        self.stages = nn.ModuleList(stages)
        self.channels = tuple(_STAGES[index].channels for index in _PYRAMID)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features at stride 4, 8, 16 and 32.

        Args:
            images: (count, in_channels, height, width) float, (pixel - 127) / 128.
        """
        features = self.stem(images)
        pyramid = []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in _PYRAMID:
                pyramid.append(features)
        return pyramid


class _Convolution(nn.Module):
    """Convolution with TensorFlow's "same" padding, batch norm and ReLU6."""

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        kernel: int,
        stride: int = 1,
        is_depthwise: bool = False,
        is_linear: bool = False,
    ) -> None:
        super().__init__()
        groups = channels if is_depthwise else 1
        self.conv = nn.Conv2d(channels, width, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width, eps=_NORM_EPSILON, momentum=_NORM_MOMENTUM)
        self._kernel, self._stride = kernel, stride
        self._is_linear = is_linear
        self._is_depthwise = is_depthwise

    def forward(self, features: Tensor) -> Tensor:
        if self._kernel > 1:
            above, below = self._padding(features.shape[2])
            left, right = self._padding(features.shape[3])
            if (above, left) == (below, right):
                # Within the convolution it costs no copy.
                self.conv.padding = (above, left)
            else:
                self.conv.padding = (0, 0)
                features = functional.pad(features, (left, right, above, below))
        normed = self.norm(self._convolve(features))
        return normed if self._is_linear else functional.relu6(normed)

    def _convolve(self, features: Tensor) -> Tensor:
        convolved: Tensor
        # In training on a CPU: a depthwise convolution's gradient takes five times as long in
        # bfloat16 as in float32 (oneDNN of torch 2.13, AMX).
        if self._is_depthwise and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                convolved = self.conv(features.float())
        else:
            convolved = self.conv(features)
        return convolved

    def _padding(self, side: int) -> tuple[int, int]:
        """Return the pixels before and after; the odd one goes after."""
        outputs = -(-side // self._stride)
        total = int(max((outputs - 1) * self._stride + self._kernel - side, 0))
        return total // 2, total - total // 2


class _Block(nn.Module):
    """Inverted residual of MobileNetV2: widen, convolve each channel, narrow."""

    def __init__(
        self, channels: int, width: int, *, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = _Convolution(channels, inner, kernel=1) if expansion > 1 else nn.Identity()
        self.depthwise = _Convolution(inner, inner, kernel=kernel, stride=stride, is_depthwise=True)
        self.project = _Convolution(inner, width, kernel=1, is_linear=True)
        self._is_residual = stride == 1 and channels == width

    def forward(self, features: Tensor) -> Tensor:
        inner: Tensor = self.project(self.depthwise(self.expand(features)))
        return inner + features if self._is_residual else inner


def _make_stage(stage: _Stage, channels: int, blocks: int) -> nn.Module:
    return nn.Sequential(
        *(
            _Block(
                stage.channels if number else channels,
                stage.channels,
                kernel=stage.kernel,
                stride=1 if number else stage.stride,
                expansion=stage.expansion,
            )
            for number in range(blocks)
        )
    )
