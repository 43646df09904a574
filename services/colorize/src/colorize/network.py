"""Network that guesses the colors of a grey image, in torch.

A CPU runs its exported graph and needs no torch; see `modelkit.runtime`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelkit.networks.efficientnet import LITE0, Encoder

STRIDE_PX = 32  # of the deepest features; input sides are multiples of it
OUTPUT_STRIDE_PX = 4  # the answer is a quarter of the input's size
BINS = 190  # of 10 x 10 in ab, that are seen in photos
_WIDTHS = (96, 128, 160, 256)  # of the decoder at stride 4, 8, 16 and 32


class ChromaNetwork(nn.Module):
    """Color network with the choice of one color for each pixel.

    Attributes:
        distances: (bins, bins) what is lost when the row's color is shown and the column's is
            true: the sum of the absolute differences in a and b.
        rewards: (bins,) what showing a color is worth, in the same unit. With rewards of 0 the
            choice is the safest color, which is close to grey wherever the network is unsure;
            with rewards that grow with the chroma it is vivid where that costs little.
        sharpness: (1,) power that the distribution is raised to; above 1 trusts the likely colors.
        softness: (1,) loss within which colors are blended, so that neighbours do not jump.

    Args:
        bins: Color bins.
    """

    distances: Tensor
    rewards: Tensor
    sharpness: Tensor
    softness: Tensor

    def __init__(self, bins: int = BINS) -> None:
        super().__init__()
        self.network = ColorNetwork(bins)
        self.register_buffer("distances", torch.zeros(bins, bins))
        self.register_buffer("rewards", torch.zeros(bins))
        self.register_buffer("sharpness", torch.ones(1))
        self.register_buffer("softness", torch.ones(1))

    @property
    def head(self) -> nn.Module:
        """Last layer, which stays float32."""
        return self.network.head

    @torch.no_grad()
    def settle(self, *, reward: float, sharpness: float, softness: float) -> None:
        """Choose how a color is chosen; the colors of the bins must be there.

        Args:
            reward: Worth of a unit of chroma.
            sharpness: See the attribute.
            softness: See the attribute.
        """
        colors = self.network.colors
        self.distances.copy_((colors[:, None] - colors[None]).abs().sum(dim=2))
        self.rewards.copy_(reward * colors.norm(dim=1))
        self.sharpness.fill_(sharpness)
        self.softness.fill_(softness)

    def forward(self, lightness: Tensor) -> Tensor:
        """Return ab, (count, 2, height / 4, width / 4) float32 in [-130, 130].

        Args:
            lightness: (count, 1, height, width) float32, L of CIELAB in [0, 100]; height and width
                are multiples of 32.
        """
        numbers = (lightness / 50 - 1).to(self.network.encoder.stem.conv.weight.dtype)
        return self.choose(self.network(numbers))

    def choose(self, logits: Tensor) -> Tensor:
        """Return ab, (count, 2, height, width) float32, for logits (count, bins, height, width).

        Where the choice points away from the mean, such as between warm skin and a blue cloth, it
        is muted by the square of the cosine between them.
        """
        logits = logits.float() - self.network.lifts.float()[:, None, None]
        colors = self.network.colors.float().t()[:, :, None, None]
        mean = functional.conv2d(logits.softmax(dim=1), colors)
        shares = (logits * self.sharpness.float()).softmax(dim=1)
        losses = functional.conv2d(shares, self.distances.float()[:, :, None, None])
        gains = (self.rewards.float()[:, None, None] - losses) / self.softness.float()
        choice = functional.conv2d(gains.softmax(dim=1), colors)
        lengths = (choice.square().sum(1, keepdim=True) * mean.square().sum(1, keepdim=True)).sqrt()
        agreement = (choice * mean).sum(1, keepdim=True) / lengths.clamp_min(1.0)
        return choice * agreement.clamp(0, 1).square()


class ColorNetwork(nn.Module):
    """EfficientNet-Lite0 encoder and a light decoder; a classification over color bins.

    Source: the classification over ab bins of Zhang et al. 2016 (arXiv:1603.08511, section 2.1);
    the way up with lateral sums of Lin et al. 2016 (arXiv:1612.03144, section 3).

    Attributes:
        colors: (bins, 2) the ab of each bin's middle.
        lifts: (bins,) logarithm of the weight that each bin had in the loss.

    Args:
        bins: How many bins there are.
    """

    colors: Tensor
    lifts: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.register_buffer("colors", torch.zeros(bins, 2))
        self.register_buffer("lifts", torch.zeros(bins))
        self.encoder = Encoder(LITE0, in_channels=1)
        self.decoder = Decoder(self.encoder.channels, bins)

    @property
    def head(self) -> nn.Module:
        """Last layer, which stays float32."""
        return self.decoder.head

    def forward(self, lightness: Tensor) -> Tensor:
        """Return logits, (count, bins, height / 4, width / 4).

        Args:
            lightness: (count, 1, height, width) float, L of CIELAB / 50 - 1, so in [-1, 1]; height
                and width are multiples of 32.
        """
        logits: Tensor = self.decoder(self.encoder(lightness))
        return logits


class Decoder(nn.Module):
    """Way up from the encoder's deepest features to a quarter of the input's size.

    Args:
        channels: Of the encoder's features at stride 4, 8, 16 and 32.
        bins: Color bins.
    """

    def __init__(self, channels: tuple[int, ...], bins: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            _convolve(inner, width, kernel=1)
            for inner, width in zip(channels, _WIDTHS, strict=True)
        )
        self.narrowings = nn.ModuleList(
            nn.Conv2d(above, width, 1)
            for above, width in zip(_WIDTHS[1:], _WIDTHS[:-1], strict=True)
        )
        self.context = nn.Linear(_WIDTHS[-1], _WIDTHS[-1])
        self.blocks = nn.ModuleList(_Block(width) for width in _WIDTHS)
        self.head = nn.Conv2d(_WIDTHS[0], bins, 1)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Return logits, (count, bins, height / 4, width / 4).

        Args:
            pyramid: The encoder's features at stride 4, 8, 16 and 32.
        """
        features = self.laterals[-1](pyramid[-1])
        summary = self.context(features.mean(dim=(2, 3)))
        features = self.blocks[-1](features + summary[:, :, None, None])
        for level in reversed(range(len(pyramid) - 1)):
            narrow = self.narrowings[level](features)
            larger = functional.interpolate(narrow, scale_factor=2.0, mode="nearest")
            features = self.blocks[level](larger + self.laterals[level](pyramid[level]))
        logits: Tensor = self.head(features.to(self.head.weight.dtype))
        return logits


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolve(width, width, kernel=3)
        self.second = _convolve(width, width, kernel=3)

    def forward(self, features: Tensor) -> Tensor:
        inner: Tensor = self.second(functional.relu(self.first(features)))
        return functional.relu(inner + features)


def _convolve(channels: int, width: int, *, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(width)
    )
