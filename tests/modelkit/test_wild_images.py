"""Images as callers have them: cut short, of newer formats, animated and transparent."""

import importlib.util
import io
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from modelkit.doubts import TRUNCATED
from modelkit.frames import MOST_FRAMES, read_frames
from modelkit.images import (
    DecodedImage,
    ImageLimits,
    decode_image,
    decode_transparent,
)
from servicekit.errors import UnreadableImage
from tests.sample_images import QUARTERS

LIMITS = ImageLimits()
HAS_HEIC = importlib.util.find_spec("pi_heif") is not None
# The four quarters of `tests.sample_images`, written by libheif.
HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAMsAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34"
    "+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5"
    "uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAA"
    "AAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAA"
    "AAAAAAEAAQWBAgMFhAAAANNtZGF0AAAAxygBrwngIzUt/+tf//jc8h41mR07u/Uo/48e7xev/4DG19+juQmJpefS"
    "q/3zom0REpuv/6BWXgbiZv4AZ0XXXegO/gM8L2v5svFwV+ekto/gZom/ld/uUZKwDfceYUlGhRApLjnHXGbvwWnQ"
    "9A8aa5xjfYeAN6xZ7hRwDeDCSc7Sjla+DG4vWqBCjQKI85OfuqeVHvmlOTm3KlkSGKGg6droh8CTww8TWi1rQonf"
    "Qg7wasfHuVAmRP9Wiq7x84+X0koiP7ZeH5A="
)
SIZES = [(64, 48), (641, 479), (97, 300)]
INKS = [(200, 40, 40), (40, 160, 60), (40, 60, 200)]
DRAWINGS = [*zip(SIZES, INKS, strict=True)]


def drawn(size: tuple[int, int], ink: tuple[int, int, int]) -> Image.Image:
    """Return a disc on a ramp, which no row of is flat."""
    width, height = size
    ramp = np.linspace(30, 250, width, dtype=np.uint8)
    image = Image.fromarray(np.tile(ramp, (height, 1))).convert("RGB")
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=ink)
    return image


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:  # Any: of each format
    output = io.BytesIO()
    image.save(output, file_format, **options)
    return output.getvalue()


@pytest.mark.parametrize(("size", "ink"), DRAWINGS)
@pytest.mark.parametrize("lacking", [1, 2, 40])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": "4:4:4"}, {"exif": b"turned"}]
)
def test_jpeg_without_its_last_bytes_is_read(
    size: tuple[int, int], ink: tuple[int, int, int], lacking: int, options: dict[str, Any]
) -> None:
    options = dict(options)
    if "exif" in options:
        exif = Image.Exif()
        exif[0x0112] = 6
        options["exif"] = exif
    whole = saved(drawn(size, ink), "JPEG", quality=90, **options)

    decoded = decode_image(whole[:-lacking], LIMITS)

    expected = decode_image(whole, LIMITS)
    assert expected.warnings == ()
    assert [warning.code for warning in decoded.warnings] == [TRUNCATED]
    assert decoded.pixels.shape == expected.pixels.shape
    same = np.abs(decoded.pixels.astype(int) - expected.pixels).max(axis=2) < 40
    assert same.mean() > 0.6
    if lacking <= 2:
        assert same.mean() > 0.97


@pytest.mark.parametrize(("size", "ink"), DRAWINGS)
def test_jpeg_that_lacks_most_of_its_rows_says_how_many(
    size: tuple[int, int], ink: tuple[int, int, int]
) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    whole = saved(Image.blend(Image.fromarray(noise), drawn(size, ink), 0.5), "JPEG")

    with pytest.raises(UnreadableImage, match=r"ends too early: \d+% of its rows are missing"):
        decode_image(whole[: len(whole) // 3], LIMITS)


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "WEBP", "BMP", "AVIF"])
def test_other_format_cut_in_half_is_damaged(file_format: str) -> None:
    whole = saved(drawn((200, 160), INKS[0]), file_format)

    with pytest.raises(UnreadableImage, match="damaged or truncated"):
        decode_image(whole[: len(whole) // 2], LIMITS)


@pytest.mark.parametrize(("size", "ink"), DRAWINGS)
@pytest.mark.parametrize(
    ("file_format", "media_type"), [("AVIF", "image/avif"), ("JPEG2000", "image/jp2")]
)
def test_newer_format_is_read_within_the_limit_of_pixels(
    size: tuple[int, int], ink: tuple[int, int, int], file_format: str, media_type: str
) -> None:
    image = drawn(size, ink)

    decoded = decode_image(saved(image, file_format), LIMITS)

    assert decoded.media_type == media_type
    assert np.abs(decoded.pixels.astype(int) - np.asarray(image)).mean() < 3
    with pytest.raises(UnreadableImage, match=r"the limit is 0\.\d MP"):
        decode_image(saved(image, file_format), ImageLimits(max_pixels=size[0] * size[1] - 1))


def test_jpeg_of_twelve_bits_is_not_called_damaged() -> None:
    content = bytearray(saved(drawn((64, 48), INKS[0]), "JPEG"))
    content[content.index(b"\xff\xc0") + 4] = 12

    with pytest.raises(UnreadableImage, match="of a kind that its format allows and that is not"):
        decode_image(bytes(content), LIMITS)


def animation(file_format: str, levels: list[int]) -> bytes:
    first, *others = [Image.new("RGB", (20, 20), (level,) * 3) for level in levels]
    return saved(first, file_format, save_all=True, append_images=others, duration=40, loop=0)


def level_of(decoded: DecodedImage) -> int:
    return int(decoded.pixels[10, 10, 0])


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_every_frame_is_looked_at(file_format: str) -> None:
    levels = [0, 90, 250, 30]

    frames = read_frames(animation(file_format, levels), LIMITS, level_of)

    assert frames.count == 4
    assert [number for number, _ in frames.chosen] == [1, 2, 3, 4]
    np.testing.assert_allclose([level for _, level in frames.chosen], levels, atol=12)


@pytest.mark.parametrize("count", [65, 150, 400])
def test_long_animation_is_looked_at_in_even_steps(count: int) -> None:
    levels = [number % 200 for number in range(count)]

    frames = read_frames(animation("GIF", levels), LIMITS, level_of)

    numbers = np.array([number for number, _ in frames.chosen])
    assert frames.count == count
    assert MOST_FRAMES / 2 <= len(numbers) <= MOST_FRAMES
    assert len(set(np.diff(numbers))) == 1
    assert count - numbers[-1] < 2 * np.diff(numbers)[0]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "BMP"])
def test_still_image_has_one_frame(file_format: str) -> None:
    frames = read_frames(saved(drawn((30, 20), INKS[0]), file_format), LIMITS, level_of)

    assert (len(frames.chosen), frames.count, frames.warnings) == (1, 1, ())


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("level", [0, 127, 200])
def test_alpha_is_given_beside_the_colors(file_format: str, level: int) -> None:
    image = drawn((40, 30), INKS[1])
    image.putalpha(level)

    pixels = decode_transparent(saved(image, file_format))

    assert pixels is not None
    assert pixels.shape == (30, 40, 4)
    assert set(np.unique(pixels[..., 3])) == {level}


def test_opaque_image_has_no_alpha() -> None:
    image = drawn((40, 30), INKS[1])
    opaque = image.copy()
    opaque.putalpha(255)

    assert decode_transparent(saved(image, "JPEG")) is None
    assert decode_transparent(saved(image, "PNG")) is None
    assert decode_transparent(saved(opaque, "PNG")) is None


def test_orientation_is_told_by_exif_alone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    image = drawn((40, 30), INKS[1])

    turned = Image.Exif()
    turned[0x0112] = 6
    assert decode_image(saved(image, "JPEG", exif=exif), LIMITS).is_oriented
    assert decode_image(saved(image, "PNG", exif=turned), LIMITS).is_oriented
    assert not decode_image(saved(image, "JPEG"), LIMITS).is_oriented
    assert not decode_image(saved(image, "PNG"), LIMITS).is_oriented


@pytest.mark.skipif(not HAS_HEIC, reason="imagemesh-modelkit[heic] is not installed")
def test_heic_is_read_by_the_extra() -> None:
    decoded = decode_image(HEIC, LIMITS)

    quarters = [decoded.pixels[row, column].tolist() for row in (12, 36) for column in (16, 48)]
    assert decoded.media_type == "image/heic"
    np.testing.assert_allclose(quarters, QUARTERS, atol=4)
    with pytest.raises(UnreadableImage, match="the limit is"):
        decode_image(HEIC, ImageLimits(max_pixels=1000))


@pytest.mark.skipif(HAS_HEIC, reason="imagemesh-modelkit[heic] is installed")
def test_heic_without_the_extra_names_it() -> None:
    with pytest.raises(UnreadableImage, match=r"holds HEIC, .* imagemesh-modelkit\[heic\]"):
        decode_image(HEIC, LIMITS)
