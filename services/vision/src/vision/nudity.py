"""Score of nudity in a photo, by the open_nsfw network."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelkit.images import RgbImage
from modelkit.runtime import Network, stack

RESIZED_PX = 256
CROPPED_PX = 224
# Blue, green, red: what the authors subtract ("set_mean" of classify_nsfw.py).
CHANNEL_MEANS_BGR = (104.0, 117.0, 123.0)
JPEG_QUALITY = 75  # Pillow's default, which the authors used
_NUDE = 1  # column of the output; column 0 is its complement


@dataclass(frozen=True, slots=True)
class NudityScore:
    """Score of one photo; probabilities are in [0, 1].

    Attributes:
        nude: That it holds nudity.
        suggestive: That it is suggestive or worse; None where the model has no such class.
        classes: The model's own classes with their probabilities, the likeliest first; empty where
            they say no more than `nude`.
    """

    nude: float
    suggestive: float | None = None
    classes: tuple[tuple[str, float], ...] = ()


class PhotoScorer(Protocol):
    """Model that tells how likely a photo holds nudity."""

    def prepare(self, image: RgbImage) -> NDArray[np.float32]:
        """Return a photo as the network takes it; may run in any thread."""

    def score_all(self, images: Sequence[NDArray[np.float32]]) -> list[NudityScore]:
        """Return the scores of several prepared photos."""


class NudityScorer:
    """The open_nsfw network; owned by one thread.

    Args:
        network: Takes (count, 224, 224, 3) float32 in BGR, returns (count, 2) float32.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def prepare(self, image: RgbImage) -> NDArray[np.float32]:
        """Return a photo as `prepare` does."""
        return prepare(image)

    def score_all(self, images: Sequence[NDArray[np.float32]]) -> list[NudityScore]:
        """Return the scores of several photos.

        Args:
            images: `prepare` of each.
        """
        (scores,) = self._network.run(stack(images))
        return [NudityScore(nude) for nude in scores[:, _NUDE].tolist()]


def prepare(image: RgbImage) -> NDArray[np.float32]:
    """Return the photo as the network saw photos in training: (224, 224, 3) float32, BGR.

    Squeezed to a square with antialiasing, through a JPEG file, less its margin. The authors ask
    for this way of resizing, JPEG included, because their training images went through it.

    Args:
        image: (height, width, 3) uint8, sRGB.

    Source:
        yahoo/open_nsfw, classify_nsfw.py (BSD-2-Clause), at commit a4e13931465f.
    """
    small = Image.fromarray(image).resize((RESIZED_PX, RESIZED_PX), Image.Resampling.BILINEAR)
    margin = (RESIZED_PX - CROPPED_PX) // 2
    # Cut before it is compressed, unlike the authors: the margin is a whole number of JPEG blocks,
    # so that the blocks inside come out the same.
    middle = small.crop((margin, margin, margin + CROPPED_PX, margin + CROPPED_PX))
    with io.BytesIO() as file:
        middle.save(file, "JPEG", quality=JPEG_QUALITY)
        rgb = np.asarray(Image.open(file), dtype=np.float32)
    return rgb[:, :, ::-1] - np.array(CHANNEL_MEANS_BGR, dtype=np.float32)
