"""Decoding of images of every kind, compared with the colors they were made of."""

import io

import numpy as np
import pytest
from PIL import Image

from modelkit.images import ImageLimits, RgbImage, decode_image, encode_image
from servicekit.errors import UnreadableImage
from servicekit.file_kinds import READ_IMAGES
from tests.sample_images import GREY_QUARTERS, QUARTERS, odd_images

LIMITS = ImageLimits()
IMAGES = odd_images()
TRANSPARENT = {name for name in IMAGES if "alpha" in name or "key" in name}
PLAIN = {name for name in IMAGES if name.startswith(("plain", "black"))}
GREY = {name for name in IMAGES if name.startswith("grey-") and "profile" not in name} - TRANSPARENT
COLORED = set(IMAGES) - TRANSPARENT - PLAIN - GREY

# Pillow warns of metadata that it skips; tests turn warnings into errors, services do not.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def decoded(name: str) -> RgbImage:
    image = decode_image(IMAGES[name], LIMITS)
    assert image.media_type == f"image/{name.rpartition('.')[2]}"
    assert image.pixels.dtype == np.uint8
    return image.pixels


def quarters(name: str) -> list[list[int]]:
    pixels = decoded(name)
    assert pixels.shape == (48, 64, 3)
    return [pixels[row, column].tolist() for row in (12, 36) for column in (16, 48)]


def saved(image: Image.Image, file_format: str) -> bytes:
    output = io.BytesIO()
    image.save(output, file_format)
    return output.getvalue()


@pytest.mark.parametrize("name", sorted(COLORED))
def test_colors_of_every_kind_become_srgb(name: str) -> None:
    # 8: Lab of 8 bits is coarse in the blues.
    np.testing.assert_allclose(quarters(name), QUARTERS, atol=8)


@pytest.mark.parametrize("name", sorted(GREY))
def test_grey_of_every_depth_fills_eight_bits(name: str) -> None:
    expected = [[level] * 3 for level in GREY_QUARTERS]
    np.testing.assert_allclose(quarters(name), expected, atol=1)


@pytest.mark.parametrize("name", sorted(TRANSPARENT))
def test_transparency_lies_over_white(name: str) -> None:
    opaque = [[level] * 3 for level in GREY_QUARTERS] if "grey" in name else QUARTERS
    *found, last = quarters(name)
    np.testing.assert_allclose(found, opaque[:3], atol=1)
    assert last == [255, 255, 255]


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (7, 500), (641, 479)])
def test_plain_jpeg_has_the_pixels_that_pillow_sees(
    subsampling: str, *, progressive: bool, size: tuple[int, int]
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(noise).save(
        output, "JPEG", quality=60, subsampling=subsampling, progressive=progressive
    )

    pixels = decode_image(output.getvalue(), LIMITS).pixels

    np.testing.assert_array_equal(pixels, np.asarray(Image.open(output)))
    assert not pixels.flags.writeable


def test_half_transparent_black_is_mid_grey() -> None:
    content = saved(Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "PNG")

    assert decode_image(content, LIMITS).pixels[0, 0].tolist() == [127, 127, 127]


@pytest.mark.parametrize("name", sorted(name for name in PLAIN if name.startswith("plain")))
def test_tiny_and_thin_images_keep_their_size_and_color(name: str) -> None:
    pixels = decoded(name)

    width, height = name.removeprefix("plain-").split(".")[0].split("x")
    assert pixels.shape == (int(height), int(width), 3)
    np.testing.assert_allclose(pixels.mean(axis=(0, 1)), QUARTERS[0], atol=5)


@pytest.mark.parametrize("name", sorted(name for name in PLAIN if name.startswith("black")))
def test_one_bit_images_are_black(name: str) -> None:
    pixels = decoded(name)

    assert pixels.shape == (7, 9, 3)
    assert not pixels.any()


def test_too_many_bytes_are_refused_with_both_numbers() -> None:
    with pytest.raises(UnreadableImage, match=r"^image is 101 bytes; the limit is 100$"):
        decode_image(bytes(101), ImageLimits(max_bytes=100))


def test_too_many_pixels_are_refused_with_both_numbers() -> None:
    content = saved(Image.new("L", (2000, 1500)), "PNG")

    with pytest.raises(UnreadableImage, match=r"^image is 3.0 MP; the limit is 2.5 MP$"):
        decode_image(content, ImageLimits(max_pixels=2_500_000))


def test_image_at_the_limit_of_pixels_is_read() -> None:
    content = saved(Image.new("L", (200, 100)), "PNG")

    assert decode_image(content, ImageLimits(max_pixels=20_000)).pixels.shape == (100, 200, 3)


@pytest.mark.parametrize(
    "content", [b"", b"<svg/>", b"%PDF-1.7", b"\0\0\0\x18ftypisom", b"<!doctype html>"]
)
def test_other_files_are_refused_with_the_formats_that_are_read(content: bytes) -> None:
    with pytest.raises(UnreadableImage, match=f"send {READ_IMAGES}"):
        decode_image(content, LIMITS)


def test_png_survives_encoding_unchanged() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)

    found = decode_image(encode_image(pixels, "image/png"), LIMITS).pixels

    np.testing.assert_array_equal(found, pixels)


def test_jpeg_keeps_full_resolution_of_color() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, ::2] = (255, 0, 0)
    pixels[:, 1::2] = (0, 0, 255)

    found = decode_image(encode_image(pixels, "image/jpeg"), LIMITS).pixels

    np.testing.assert_allclose(found, pixels.astype(int), atol=25)


def test_other_media_types_are_not_written() -> None:
    with pytest.raises(ValueError, match="must be image/jpeg or image/png"):
        encode_image(np.zeros((1, 1, 3), np.uint8), "image/webp")
