"""Images that benchmarks send, drawn or made of photos, the same on every machine."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from modelkit.images import ImageLimits, RgbImage, decode_image

_WORD_SIZE_PX = (320, 120)
_PHOTO_SIDE_PX = 480
_LETTERS = list("ABDEGHKLMNPRTUWX")


def draw_photo(width_px: int, height_px: int, *, grain: float) -> RgbImage:
    """Return (height_px, width_px, 3) noise with the spectrum of photos, and grain of a spread."""
    chance = np.random.default_rng(1)
    total = np.zeros((height_px, width_px, 3), np.float32)
    cells = 3
    while 3 * cells < width_px:
        grid = chance.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(grid).resize((width_px, height_px), Image.Resampling.BICUBIC)
        total += (np.asarray(layer, np.float32) - 128) * (3 / cells) ** 0.7  # near 1/f, as photos
        cells *= 2
    noise = chance.normal(0, grain, (height_px, width_px, 1))
    return (total + noise + 128).clip(0, 255).astype(np.uint8)


def draw_small_photo() -> bytes:
    """Return a JPEG of 640x480 px and about 100 KB."""
    return to_jpeg(draw_photo(640, 480, grain=6), quality=92)


def draw_word(number: int) -> bytes:
    """Return a JPEG with a word and shades of its own for each number."""
    chance = np.random.default_rng(number)
    corners = chance.integers(60, 256, (3, 4, 3), dtype=np.uint8)
    shades = Image.fromarray(corners).resize(_WORD_SIZE_PX, Image.Resampling.BICUBIC)
    word, font = "".join(chance.choice(_LETTERS, 6)), ImageFont.load_default(40)
    ImageDraw.Draw(shades).text((20, 30), f"{word} {number}", fill="black", font=font)
    return _encode_numbered(shades, number)


def draw_plain_word(word: str) -> bytes:
    """Return a small grey PNG of a word."""
    image, file = Image.new("L", (200, 64), 255), io.BytesIO()
    ImageDraw.Draw(image).text((16, 16), word, fill=0, font=ImageFont.load_default(size=28))
    image.save(file, "PNG")
    return file.getvalue()


def shade_photo(photo: Path, number: int) -> bytes:
    """Return a small JPEG copy of a photo with a brightness of its own for each number."""
    with Image.open(photo) as image:
        image.thumbnail((_PHOTO_SIDE_PX, _PHOTO_SIDE_PX))
        shaded = ImageEnhance.Brightness(image.convert("RGB")).enhance(0.7 + 0.003 * number)
    return _encode_numbered(shaded, number)


def scale_photo(path: Path, *, pixels: int) -> RgbImage:
    """Return a photo scaled to so many pixels, its shape kept."""
    photo = Image.fromarray(decode_image(path.read_bytes(), ImageLimits()).pixels)
    scale = (pixels / (photo.width * photo.height)) ** 0.5
    size = (round(photo.width * scale), round(photo.height * scale))
    return np.asarray(photo.resize(size, Image.Resampling.LANCZOS))


def to_jpeg(pixels: RgbImage, *, quality: int) -> bytes:
    """Return a JPEG file as cameras write it, with halved chroma."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _encode_numbered(image: Image.Image, number: int) -> bytes:
    """Return a JPEG, in grey for odd numbers: only grey images are colorized."""
    file = io.BytesIO()
    (image.convert("L") if number % 2 else image).save(file, "JPEG", quality=90)
    return file.getvalue()
