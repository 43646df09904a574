"""Images drawn for the tests of the vision service."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from modelkit.images import RgbImage

SKIN = (220, 180, 150)


def draw_face(side: int) -> RgbImage:
    """Return a square image with one face that both networks find, half of its width."""
    image = Image.new("RGB", (400, 400), (90, 110, 140))
    pen = ImageDraw.Draw(image)
    pen.ellipse((110, 60, 290, 330), fill=(60, 45, 35))
    pen.ellipse((125, 90, 275, 330), fill=SKIN)
    for eye in (165, 235):
        pen.ellipse((eye - 24, 165, eye + 24, 195), fill=(130, 95, 80))
        pen.ellipse((eye - 16, 172, eye + 16, 190), fill=(240, 240, 240))
        pen.ellipse((eye - 8, 172, eye + 8, 190), fill=(30, 20, 20))
        pen.rectangle((eye - 24, 150, eye + 24, 160), fill=(70, 50, 40))
    pen.polygon(((200, 185), (185, 245), (215, 245)), fill=(235, 198, 170))
    pen.ellipse((183, 238, 217, 252), fill=(160, 115, 95))
    pen.ellipse((165, 268, 235, 292), fill=(150, 60, 60))
    soft = image.filter(ImageFilter.GaussianBlur(4))
    return np.asarray(soft.resize((side, side), Image.Resampling.LANCZOS))


def draw_ramp(width: int, height: int) -> RgbImage:
    """Return red rising to the right, green rising downwards, blue falling to the right."""
    right = np.linspace(0, 255, width, dtype=np.uint8)[np.newaxis, :].repeat(height, axis=0)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, np.newaxis].repeat(width, axis=1)
    return np.stack([right, down, 255 - right], axis=2)


def draw_flat(width: int, height: int, color: tuple[int, int, int]) -> RgbImage:
    """Return an image of one color."""
    return np.full((height, width, 3), color, dtype=np.uint8)
