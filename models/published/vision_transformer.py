"""Vision Transformer with the layer names of timm."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 1e-6  # of layer norms


class VisionTransformer(nn.Module):
    """Classifier of square images; returns logits.

    Source: Dosovitskiy et al. 2020 (arXiv:2010.11929), section 3.1; Touvron et al. 2020
    (arXiv:2012.12877), table 1, has the width of the tiny one.

    Args:
        size_px: Side of the images.
        classes: Outputs.
        width: Channels of a token.
        heads: Of the attention.
        depth: Blocks.
        patch_px: Side of the square that makes a token.
    """

    def __init__(
        self,
        size_px: int,
        *,
        classes: int,
        width: int = 192,
        heads: int = 3,
        depth: int = 12,
        patch_px: int = 16,
    ) -> None:
        super().__init__()
        self.size_px = size_px
        tokens = 1 + (size_px // patch_px) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch_px, stride=patch_px)})
        self.blocks = nn.Sequential(*(_Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (count, classes).

        Args:
            images: (count, 3, size_px, size_px) float32.
        """
        patches = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        first = self.cls_token.expand(len(images), -1, -1)
        tokens = self.blocks(torch.cat([first, patches], dim=1) + self.pos_embed)
        logits: Tensor = self.head(self.norm(tokens[:, 0]))
        return logits

    def example(self) -> Tensor:
        """Return an input to export the network with."""
        return torch.rand(1, 3, self.size_px, self.size_px)


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)}
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        inner = functional.gelu(self.mlp["fc1"](self.norm2(tokens)))
        updated: Tensor = tokens + self.mlp["fc2"](inner)
        return updated


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        count, length, width = tokens.shape
        split = self.qkv(tokens).reshape(count, length, 3, self._heads, width // self._heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        scores = queries @ keys.transpose(2, 3) * (width // self._heads) ** -0.5
        mixed = scores.softmax(dim=-1) @ values
        answer: Tensor = self.proj(mixed.transpose(1, 2).reshape(count, length, width))
        return answer
