"""Encoding of answers within the size of a message."""

import io

import numpy as np
import pytest
from PIL import Image

from colorize.encoding import encode_within
from modelkit.images import RgbImage, encode_image
from servicekit.errors import InvalidRequest


def noise(side: int) -> RgbImage:
    """Return what no format can make small."""
    return np.random.default_rng(7).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg"])
def test_image_that_fits_is_written_as_it_came(media_type: str) -> None:
    image = noise(64)

    file = encode_within(image, media_type, max_bytes=100_000)

    assert file.media_type == media_type
    assert file.content == encode_image(image, media_type)


@pytest.mark.parametrize("max_bytes", [110_000, 60_000, 25_000])
def test_png_that_is_too_large_becomes_a_jpeg(max_bytes: int) -> None:
    """195 kB as PNG, 158 kB as JPEG of quality 95 with whole chroma."""
    file = encode_within(noise(256), "image/png", max_bytes=max_bytes)

    assert file.media_type == "image/jpeg"
    assert max_bytes / 2.5 < len(file.content) <= max_bytes
    assert Image.open(io.BytesIO(file.content)).size == (256, 256)


def test_image_that_never_fits_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"takes \d+ bytes; the limit is 1000"):
        encode_within(noise(256), "image/jpeg", max_bytes=1000)
