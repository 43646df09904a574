"""DDColor, a colorization network with learned color queries."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 1e-6  # of ConvNeXt's layer norms
_WAVELENGTHS = 10_000  # base of the positions' sine waves
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_BACKBONE_KERNEL = 7
_LAST_ENLARGEMENT = 4


@dataclass(frozen=True, slots=True)
class Variant:
    """Size of a network of the family.

    Attributes:
        depths: Blocks in the four stages of the encoder.
        widths: Channels of the four stages.
        decoded: Channels of the decoder.
        queries: Color queries.
        width: Channels of a query, and of the features that it is multiplied with.
        heads: Of the attention.
        hidden: Channels within a feed-forward layer.
        layers: Of the color decoder.
    """

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    decoded: int = 512
    queries: int = 100
    width: int = 256
    heads: int = 8
    hidden: int = 2048
    layers: int = 9


TINY = Variant((3, 3, 9, 3), (96, 192, 384, 768))
LARGE = Variant((3, 3, 27, 3), (192, 384, 768, 1536))


class DdColor(nn.Module):
    """Network from grey images to ab, with the layer names of the published weights.

    Source: Kang et al. 2022 (arXiv:2212.11613), section 3; its encoder is ConvNeXt, Liu et al.
    2022 (arXiv:2201.03545), its color decoder follows Cheng et al. 2021 (arXiv:2112.01527),
    section 3.2. Layers with a spectral norm keep the vectors that their training ended with.

    Args:
        variant: The size.
        size_px: Side of the images.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, variant: Variant, size_px: int = 512) -> None:
        super().__init__()
        self.size_px = size_px
        self._queries = variant.queries
        self.encoder = nn.ModuleDict({"arch": _ConvNext(variant.depths, variant.widths)})
        self.decoder = _Decoder(variant)
        self.refine_net = nn.ModuleList(
            [nn.ModuleList([_SpectralConvolution(variant.queries + 3, 2, kernel=1)])]
        )
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return ab, (count, 2, size_px, size_px).

        The last layer is a 1 x 1 convolution of the queries' maps and the image. A query's map is
        its product with the features, so that the layer is applied to the queries instead: two maps
        are made in place of a hundred.

        Args:
            images: (count, 3, size_px, size_px) float32, grey sRGB in [0, 1].
        """
        normed = (images - self.mean) / self.std
        queries, features = self.decoder(self.encoder["arch"](normed))
        refine = self.refine_net[0][0]  # type: ignore[index]  # a list in a list
        weight = refine.weight().flatten(1)
        mixed = weight[:, : self._queries] @ queries
        colors = (mixed @ features.flatten(2)).reshape(len(features), 2, *features.shape[2:])
        kernel = weight[:, self._queries :, None, None]
        chroma: Tensor = colors + functional.conv2d(normed, kernel, refine.bias)
        return chroma

    def example(self) -> Tensor:
        """Return an input to export the network with."""
        return torch.rand(1, 3, self.size_px, self.size_px)


class _ConvNext(nn.Module):
    """ConvNeXt; returns the features of its four stages, each through a norm."""

    def __init__(self, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), _ChannelNorm(widths[0]))
        self.downsample_layers = nn.ModuleList([stem])
        for before, after in pairwise(widths):
            shrink = nn.Conv2d(before, after, 2, stride=2)
            self.downsample_layers.append(nn.Sequential(_ChannelNorm(before), shrink))
        self.stages = nn.ModuleList(
            nn.Sequential(*(_ConvNextBlock(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        for index, width in enumerate(widths):
            self.add_module(f"norm{index}", _ChannelNorm(width))
        self.norm = nn.LayerNorm(widths[-1], eps=_EPSILON)  # of a classifier; not computed

    def forward(self, images: Tensor) -> list[Tensor]:
        features, pyramid = images, []
        for index, (shrink, stage) in enumerate(
            zip(self.downsample_layers, self.stages, strict=True)
        ):
            features = stage(shrink(features))
            pyramid.append(self.get_submodule(f"norm{index}")(features))
        return pyramid


class _ConvNextBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(
            width, width, _BACKBONE_KERNEL, padding=_BACKBONE_KERNEL // 2, groups=width
        )
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, features: Tensor) -> Tensor:
        rows = self.norm(self.dwconv(features).permute(0, 2, 3, 1))
        rows = self.pwconv2(functional.gelu(self.pwconv1(rows))) * self.gamma
        updated: Tensor = features + rows.permute(0, 3, 1, 2)
        return updated


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (count, channels, height, width)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=_EPSILON)

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _SpectralConvolution(nn.Module):
    """Convolution whose kernels are divided by their spectral norm; Miyato et al. 2018."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, channels: int, width: int, *, kernel: int, has_bias: bool = True) -> None:
        super().__init__()
        self._padding = kernel // 2
        self.weight_orig = nn.Parameter(torch.zeros(width, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(width)) if has_bias else None
        self.register_buffer("weight_u", torch.zeros(width))
        self.register_buffer("weight_v", torch.zeros(channels * kernel**2))

    def weight(self) -> Tensor:
        """Return the kernels."""
        kernels: Tensor = self.weight_orig
        norm = self.weight_u @ (kernels.flatten(1) @ self.weight_v)
        return kernels / norm

    def forward(self, features: Tensor) -> Tensor:
        return functional.conv2d(features, self.weight(), self.bias, padding=self._padding)


class _Enlargement(nn.Module):
    """Enlargement by pixel shuffle, blurred over 2 x 2 pixels; Sugawara et al. 2018."""

    def __init__(self, channels: int, width: int, *, factor: int, has_norm: bool) -> None:
        super().__init__()
        self._factor = factor
        wide = width * factor**2
        layers: list[nn.Module] = [
            _SpectralConvolution(channels, wide, kernel=1, has_bias=not has_norm)
        ]
        self.conv = nn.Sequential(*layers, *([nn.BatchNorm2d(wide)] if has_norm else []))

    def forward(self, features: Tensor) -> Tensor:
        larger = functional.pixel_shuffle(functional.relu(self.conv(features)), self._factor)
        padded = functional.pad(larger, (1, 0, 1, 0), mode="replicate")
        return functional.avg_pool2d(padded, 2, stride=1)


class _UnetBlock(nn.Module):
    def __init__(self, channels: int, lateral: int, width: int) -> None:
        super().__init__()
        self.shuf = _Enlargement(channels, width, factor=2, has_norm=True)
        self.bn = nn.BatchNorm2d(lateral)
        self.conv = nn.Sequential(
            _SpectralConvolution(width + lateral, width, kernel=3, has_bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(width),
        )

    def forward(self, features: Tensor, lateral: Tensor) -> Tensor:
        joined = torch.cat([self.shuf(features), self.bn(lateral)], dim=1)
        answer: Tensor = self.conv(functional.relu(joined))
        return answer


class _Decoder(nn.Module):
    """Decoder of pixels, and the decoder of colors that asks its three scales."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        first, second, third, deepest = variant.widths
        width = variant.decoded
        self.layers = nn.ModuleList(
            [
                _UnetBlock(deepest, third, width),
                _UnetBlock(width, second, width),
                _UnetBlock(width, first, width // 2),
            ]
        )
        self.last_shuf = _Enlargement(
            width // 2, variant.width, factor=_LAST_ENLARGEMENT, has_norm=False
        )
        self.color_decoder = _ColorDecoder(variant, (width, width, width // 2))

    def forward(self, pyramid: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the queries, (count, queries, width), and the features that they multiply."""
        features, scales = pyramid[-1], []
        for layer, lateral in zip(self.layers, reversed(pyramid[:-1]), strict=True):
            features = layer(features, lateral)
            scales.append(features)
        return self.color_decoder(scales), self.last_shuf(features)


class _ColorDecoder(nn.Module):
    def __init__(self, variant: Variant, channels: tuple[int, ...]) -> None:
        super().__init__()
        width = variant.width
        self.query_feat = nn.Embedding(variant.queries, width)
        self.query_embed = nn.Embedding(variant.queries, width)
        self.level_embed = nn.Embedding(len(channels), width)
        self.input_proj = nn.ModuleList(nn.Conv2d(one, width, 1) for one in channels)
        numbers = range(variant.layers)
        self.transformer_self_attention_layers = nn.ModuleList(
            _AttentionLayer("self_attn", width, variant.heads) for _ in numbers
        )
        self.transformer_cross_attention_layers = nn.ModuleList(
            _AttentionLayer("multihead_attn", width, variant.heads) for _ in numbers
        )
        self.transformer_ffn_layers = nn.ModuleList(
            _FeedForwardLayer(width, variant.hidden) for _ in numbers
        )
        self.decoder_norm = nn.LayerNorm(width)
        self.color_embed = nn.ModuleDict(
            {"layers": nn.ModuleList(nn.Linear(width, width) for _ in range(3))}
        )

    def forward(self, scales: list[Tensor]) -> Tensor:
        memories, places = self._tokens(scales)
        places_of_queries = self.query_embed.weight
        queries = self.query_feat.weight.expand(len(scales[0]), -1, -1)
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for number, (cross, among, feed) in enumerate(layers):
            level = number % len(scales)
            memory = memories[level]
            placed = queries + places_of_queries
            queries = cross(queries, placed, memory + places[level], memory)
            placed = queries + places_of_queries
            queries = feed(among(queries, placed, placed, queries))
        return self._embed(self.decoder_norm(queries))

    def _tokens(self, scales: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the tokens of each scale, (count, places, width), and waves for their places."""
        memories, places = [], []
        levels = self.level_embed.weight
        for level, (project, features) in enumerate(zip(self.input_proj, scales, strict=True)):
            memories.append(project(features).flatten(2).transpose(1, 2) + levels[level])
            height, width = features.shape[2:]
            places.append(_waves(height, width, channels=levels.shape[1]).to(features))
        return memories, places

    def _embed(self, queries: Tensor) -> Tensor:
        layers = self.color_embed["layers"]
        assert isinstance(layers, nn.ModuleList)  # noqa: S101 - for mypy
        first, second, last = layers
        answer: Tensor = last(functional.relu(second(functional.relu(first(queries)))))
        return answer


class _AttentionLayer(nn.Module):
    """Attention of queries to tokens, a sum and a norm."""

    def __init__(self, name: str, width: int, heads: int) -> None:
        super().__init__()
        self._name = name
        self.add_module(name, _Attention(width, heads))
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, asking: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        found = self.get_submodule(self._name)(asking, keys, values)
        answer: Tensor = self.norm(queries + found)
        return answer


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        parts = zip(
            (queries, keys, values),
            self.in_proj_weight.chunk(3),
            self.in_proj_bias.chunk(3),
            strict=True,
        )
        asked, known, given = (
            functional.linear(tokens, weight, bias)
            .reshape(*tokens.shape[:2], self._heads, -1)
            .transpose(1, 2)
            for tokens, weight, bias in parts
        )
        scores = asked @ known.transpose(2, 3) / math.sqrt(asked.shape[3])
        mixed = (scores.softmax(dim=-1) @ given).transpose(1, 2).flatten(2)
        answer: Tensor = self.out_proj(mixed)
        return answer


class _FeedForwardLayer(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        inner = self.linear2(functional.relu(self.linear1(tokens)))
        answer: Tensor = self.norm(tokens + inner)
        return answer


def _waves(height: int, width: int, *, channels: int) -> Tensor:
    """Return sine waves for the places of a grid, (height * width, channels); rows come first.

    Source: Carion et al. 2020 (arXiv:2005.12872), section 4; a turn is the whole side.
    """
    rows = _waves_along(height, channels // 2)[:, None].expand(-1, width, -1)
    columns = _waves_along(width, channels // 2)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


def _waves_along(length: int, channels: int) -> Tensor:
    turns = torch.arange(1, length + 1) / (length + _EPSILON) * 2 * math.pi
    powers = torch.arange(channels // 2) * 2 / channels
    angles = turns[:, None] / _WAVELENGTHS**powers
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
