"""Encoding of an image within the size of an answer."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelkit.images import RgbImage, encode_image
from servicekit.errors import InvalidRequest

# Tried in turn, with halved chroma, when quality 95 is too large. At 30 an image of 25 MP of pure
# noise, the worst there is, takes 7.0 MB.
SMALLER_QUALITIES = (90, 75, 50, 30)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Image file; `media_type` is "image/jpeg" or "image/png"."""

    content: bytes
    media_type: str


def encode_within(
    pixels: RgbImage,
    media_type: str,
    *,
    max_bytes: int,
    xmp: bytes = b"",
    alpha: NDArray[np.uint8] | None = None,
) -> EncodedImage:
    """Write pixels as a file of at most `max_bytes`, without metadata but that which is given.

    A PNG that is too large becomes a JPEG, a JPEG that is too large one of lower quality: color
    takes more room than the grey that came in.

    Args:
        pixels: (height, width, 3) uint8, sRGB.
        media_type: "image/jpeg" or "image/png".
        max_bytes: Size of the largest file, in bytes.
        xmp: XMP packet, UTF-8; empty writes none.
        alpha: (height, width) uint8, which makes a PNG; laid over white where that is too large.

    Raises:
        InvalidRequest: It does not fit even at the lowest quality.
    """
    if alpha is not None:
        content = encode_image(np.dstack([pixels, alpha]), "image/png", xmp=xmp)
        if len(content) <= max_bytes:
            return EncodedImage(content, "image/png")
        pixels = _over_white(pixels, alpha)
    for wanted in dict.fromkeys((media_type, "image/jpeg")):
        content = encode_image(pixels, wanted, xmp=xmp)
        if len(content) <= max_bytes:
            return EncodedImage(content, wanted)
    for quality in SMALLER_QUALITIES:
        content = _encode_jpeg(pixels, quality=quality, xmp=xmp)
        if len(content) <= max_bytes:
            return EncodedImage(content, "image/jpeg")
    raise InvalidRequest(
        f"the colored image takes {len(content)} bytes; the limit is {max_bytes}; "
        "send a smaller image"
    )


def _over_white(pixels: RgbImage, alpha: NDArray[np.uint8]) -> RgbImage:
    ground = Image.new("RGB", pixels.shape[1::-1], "white")
    ground.paste(Image.fromarray(pixels), mask=Image.fromarray(alpha))
    return np.asarray(ground)


def _encode_jpeg(pixels: RgbImage, *, quality: int, xmp: bytes) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, xmp=xmp)
        return file.getvalue()
