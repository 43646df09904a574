"""Networks of the service in torch, from uint8 images to probabilities; their graphs hold the same.

A CPU runs the exported graphs and needs no torch; see `modelkit.runtime`.
"""

from torch import Tensor, nn

from modelkit.networks.efficientnet import LITE1, EfficientNetLite
from vision.residual import ResidualNetwork

EMOTION_COUNT = 7
EMOTION_WIDTHS = ((48, 96, 192), (64, 128, 256))
CLASS_COUNT = 1000

_LEAST_SPREAD = 1e-2  # keeps a face of one flat grey from being divided by nothing
_MIDDLE, _HALF_RANGE = 127.0, 128.0  # of a pixel, as the published weights take it


def emotion_member(widths: tuple[int, int, int]) -> ResidualNetwork:
    """Return one of the networks that `EmotionNetwork` asks, with the channels of its stages."""
    return ResidualNetwork(
        in_channels=1,
        stem_channels=32,
        stem_stride=1,
        widths=widths,
        depths=(2, 2, 2),
        strides=(2, 2, 2),
        classes=EMOTION_COUNT,
    )


class EmotionNetwork(nn.Module):
    """Expression of a face: the mean of a narrow network on it and a wide one on its mirror image.

    Two that were trained apart err in different faces, and the mirror image costs no further run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = (emotion_member(widths) for widths in EMOTION_WIDTHS)

    @property
    def head(self) -> nn.Module:
        """Last layers, which stay float32."""
        return nn.ModuleList([self.narrow.head, self.wide.head])

    def forward(self, faces: Tensor) -> Tensor:
        """Return the probability of each emotion, (count, 7) float32.

        Args:
            faces: (count, 1, side, side) uint8, grey.
        """
        numbers = normalize_faces(faces).to(next(self.narrow.stem.parameters()).dtype)
        plain: Tensor = self.narrow(numbers).softmax(dim=1)
        mirrored: Tensor = self.wide(numbers.flip(-1)).softmax(dim=1)
        return (plain + mirrored) / 2


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
