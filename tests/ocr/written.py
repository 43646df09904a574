"""Makers of images with text, drawn with the font that Pillow carries (Latin only)."""

from itertools import accumulate

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from modelkit.images import RgbImage, encode_image

PANGRAM = "The quick brown fox jumps over the lazy dog"
SLOVAK_LINES = (
    "Vlk a medved stoja pri rieke",
    "Otec vari obed a mama spieva",
    "Deti idu domov zo skoly",
)
_LEFT_PX = 40


def draw_lines(*lines: str, size_px: int = 32, width: int = 900) -> RgbImage:
    """Return black text on white, one line below the other."""
    image = Image.new("RGB", (width, 60 + len(lines) * size_px * 2), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=size_px)
    for number, line in enumerate(lines):
        pen.text((_LEFT_PX, 30 + number * size_px * 2), line, fill="black", font=font)
    return np.asarray(image)


def ends_of_words(text: str, *, size_px: int = 32) -> list[tuple[float, float]]:
    """Return the left and right end of each word in a line of `draw_lines`."""
    font = ImageFont.load_default(size=size_px)
    ends = list(accumulate(len(word) + 1 for word in text.split()))
    starts = [0, *ends[:-1]]
    return [
        (_LEFT_PX + font.getlength(text[:start]), _LEFT_PX + font.getlength(text[: end - 1]))
        for start, end in zip(starts, ends, strict=True)
    ]


def page_png(*lines: str) -> bytes:
    """Return `draw_lines` as a PNG file."""
    return encode_image(draw_lines(*lines), "image/png")
