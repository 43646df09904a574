"""Networks of the service in torch, from uint8 images to probabilities; their graphs hold the same.

A CPU runs the exported graphs and needs no torch; see `modelkit.runtime`.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from modelkit.networks.efficientnet import LITE1, EfficientNetLite

EMOTION_COUNT = 7
EMOTION_WIDTHS = (64, 128, 256)  # channels of the stages
_STEM_CHANNELS = 32
_STAGE_BLOCKS = 2
_STAGE_STRIDE = 2  # of the first block of each stage
CLASS_COUNT = 1000

_LEAST_SPREAD = 1e-2  # keeps a face of one flat grey from being divided by nothing
_MIDDLE, _HALF_RANGE = 127.0, 128.0  # of a pixel, as the published weights take it


class EmotionNetwork(nn.Module):
    """Expression of a face: the mean of a residual network on it and on its mirror image."""

    def __init__(self) -> None:
        super().__init__()
        self.network = ResidualNetwork(EMOTION_WIDTHS)

    @property
    def head(self) -> nn.Module:
        """Last layer, which stays float32."""
        return self.network.head

    def forward(self, faces: Tensor) -> Tensor:
        """Return the probability of each emotion, (count, 7) float32.

        Args:
            faces: (count, 1, side, side) uint8, grey.
        """
        numbers = normalize_faces(faces).to(next(self.network.stem.parameters()).dtype)
        plain: Tensor = self.network(numbers).softmax(dim=1)
        mirrored: Tensor = self.network(numbers.flip(-1)).softmax(dim=1)
        return (plain + mirrored) / 2


class ResidualNetwork(nn.Module):
    """Small residual network of faces: stem, stages of two blocks, mean, linear.

    Source: He et al. 2015 (arXiv:1512.03385), with the average-pooled shortcut of He et al. 2018
    (arXiv:1812.01187, section 4.2, ResNet-D).

    Args:
        widths: Channels of each stage.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = _convolve(1, _STEM_CHANNELS)
        blocks: list[nn.Module] = []
        channels = _STEM_CHANNELS
        for width in widths:
            for index in range(_STAGE_BLOCKS):
                blocks.append(_Block(channels, width, stride=1 if index else _STAGE_STRIDE))
                channels = width
        self.stages = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, EMOTION_COUNT)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (count, 7), for images (count, 1, height, width)."""
        maps = self.stages(functional.relu(self.stem(images)))
        features = maps.mean(dim=(2, 3), dtype=self.head.weight.dtype)
        logits: Tensor = self.head(features)
        return logits


class _Block(nn.Module):
    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.first = _convolve(channels, width, stride=stride)
        self.second = _convolve(width, width)
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


def _convolve(channels: int, width: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width)
    )


class ImageNetNetwork(nn.Module):
    """Classification into the thousand classes of ImageNet: an EfficientNet-Lite1."""

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite(LITE1, classes=CLASS_COUNT)

    @property
    def head(self) -> nn.Module:
        """Last layer, which stays float32."""
        return self.network.head

    def forward(self, images: Tensor) -> Tensor:
        """Return the probability of each class, (count, 1000) float32.

        Args:
            images: (count, height, width, 3) uint8, sRGB.
        """
        numbers = (images.permute(0, 3, 1, 2).float() - _MIDDLE) / _HALF_RANGE
        logits = self.network(numbers.to(self.network.encoder.stem.conv.weight.dtype))
        shares: Tensor = logits.softmax(dim=1)
        return shares


def normalize_faces(faces: Tensor) -> Tensor:
    """Return faces of mean 0 and spread 1, so that the light of the photo matters less.

    Args:
        faces: (count, 1, height, width), uint8 or float in [0, 255].
    """
    values = faces.float() / 255
    mean = values.mean(dim=(1, 2, 3), keepdim=True)
    count = faces.shape[2] * faces.shape[3]
    squares = (values - mean).square().sum(dim=(1, 2, 3), keepdim=True)
    return (values - mean) / (squares / (count - 1)).sqrt().clamp_min(_LEAST_SPREAD)
