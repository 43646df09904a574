"""Draw the samples of the page at `/` into gateway/examples; the letter was drawn before."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

EXAMPLES = Path(__file__).parents[1] / "gateway" / "src" / "gateway" / "examples"
QUALITY: Final = 82  # of JPEG; the largest sample is then below 40 KB

Color = tuple[int, int, int]
Point = tuple[float, float]


def main() -> None:
    """Write every sample."""
    drawings: dict[str, Callable[[], Image.Image]] = {
        "landscape.jpg": draw_landscape,
        "receipt.jpg": draw_receipt,
        "faces.jpg": draw_faces,
        "balloon.jpg": draw_balloon,
        "beach.jpg": draw_beach,
    }
    for name, draw in drawings.items():
        draw().save(EXAMPLES / name, quality=QUALITY, optimize=True)


def clouds(width: int, height: int, *, seed: int, octaves: int = 6) -> NDArray[np.float64]:
    """Return fractal noise, (height, width) in [0, 1]."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for octave in range(octaves):
        cells = 2 ** (octave + 2)
        grid = random.uniform(0, 255, (cells, cells)).astype(np.uint8)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer, dtype=np.float64) / 255 / 2**octave
    scaled: NDArray[np.float64] = (total - total.min()) / (total.max() - total.min())
    return scaled


def fade(top: Color, bottom: Color, size: tuple[int, int]) -> Image.Image:
    """Return a ground that goes from one color down to the other."""
    share = np.linspace(0, 1, size[1])[:, np.newaxis, np.newaxis]
    column = np.array(top) * (1 - share) + np.array(bottom) * share
    return Image.fromarray(column.repeat(size[0], axis=1).astype(np.uint8))


def sky(size: tuple[int, int], *, seed: int, top: Color, bottom: Color) -> Image.Image:
    """Return a sky with clouds."""
    cover = np.clip(clouds(*size, seed=seed) * 2.2 - 1.1, 0, 0.9)
    mask = Image.fromarray((cover * 255).astype(np.uint8))
    image = fade(top, bottom, size)
    image.paste((250, 250, 250), (0, 0), mask)
    return image


def paste_textured(
    image: Image.Image, outline: Sequence[Point], *, dark: Color, light: Color, seed: int
) -> None:
    """Fill an outline with noise between two colors."""
    noise = clouds(*image.size, seed=seed, octaves=8)[:, :, np.newaxis]
    texture = np.array(dark) * (1 - noise) + np.array(light) * noise
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).polygon(list(outline), fill=255)
    image.paste(Image.fromarray(texture.astype(np.uint8)), (0, 0), mask)


def ridge(size: tuple[int, int], *, base: float, rise: float, seed: int) -> list[Point]:
    """Return the outline of hills: their ridge, then the foot of the image."""
    width, height = size
    line = clouds(width, 8, seed=seed, octaves=5)[4]
    top = [(float(x), height * (base - rise * float(line[x]))) for x in range(0, width, 4)]
    top.append((width, top[-1][1]))
    return [*top, (width, height), (0.0, height)]


def draw_landscape() -> Image.Image:
    """Return grey hills with a meadow and trees below clouds."""
    size = (640, 440)
    image = sky(size, seed=2, top=(95, 140, 205), bottom=(215, 228, 240))
    hills = [
        (0.56, 0.30, (95, 110, 130), (140, 155, 170), 11),
        (0.66, 0.20, (45, 75, 45), (95, 125, 80), 12),
        (0.78, 0.10, (70, 110, 45), (150, 175, 85), 13),
    ]
    for base, rise, dark, light, seed in hills:
        outline = ridge(size, base=base, rise=rise, seed=seed)
        paste_textured(image, outline, dark=dark, light=light, seed=seed)
    random = np.random.default_rng(5)
    for x in (70, 110, 165, 470, 520, 575, 600):
        foot = 345 + float(random.uniform(-10, 40))
        _tree(image, x, foot, tall=float(random.uniform(90, 150)), seed=x)
    return _with_grass(image.filter(ImageFilter.GaussianBlur(0.7)).convert("L"))


def _with_grass(image: Image.Image) -> Image.Image:
    """Return a grey image whose lower half is rough, by which a model tells a meadow."""
    rough = np.random.default_rng(1).normal(128, 40, (image.height, image.width))
    blades = Image.fromarray(np.clip(rough, 0, 255).astype(np.uint8))
    soft = np.asarray(blades.filter(ImageFilter.GaussianBlur(1.4)), dtype=np.float64) - 128
    share = np.clip((np.linspace(0, 1, image.height) - 0.45) * 4, 0, 1)[:, np.newaxis]
    drawn = np.asarray(image) + 1.5 * share * soft
    return Image.fromarray(np.clip(drawn, 0, 255).astype(np.uint8))


def _tree(image: Image.Image, x: float, foot: float, *, tall: float, seed: int) -> None:
    trunk = [(x - 5, foot), (x - 3, foot - tall / 2), (x + 3, foot - tall / 2), (x + 5, foot)]
    paste_textured(image, trunk, dark=(50, 38, 28), light=(90, 70, 50), seed=seed)
    random = np.random.default_rng(seed)
    for _ in range(22):
        angle, reach = random.uniform(0, 2 * np.pi), random.uniform(0, tall * 0.26)
        middle = (x + reach * np.cos(angle), foot - tall * 0.68 + reach * np.sin(angle) * 1.2)
        radius = tall * random.uniform(0.09, 0.16)
        turn = np.linspace(0, 2 * np.pi, 18)
        crown = [(middle[0] + radius * np.cos(t), middle[1] + radius * np.sin(t)) for t in turn]
        paste_textured(image, crown, dark=(20, 45, 18), light=(85, 120, 55), seed=seed + 1)


RECEIPT: Final = """\
CORNER BAKERY
12 Mill Lane, Ashford
Tel. 01233 555 0142

2 x Sourdough loaf        9.60
1 x Cinnamon roll         3.20
3 x Flat white           10.50
1 x Apple juice           2.40

Total                    25.70
Card                     25.70

28 November 2026   09:41
Thank you, see you soon!"""


def draw_receipt() -> Image.Image:
    """Return a receipt that lies a little askew on a table."""
    font = ImageFont.truetype("DejaVuSansMono.ttf", 22)
    paper = Image.new("RGB", (520, 560), (248, 246, 240))
    ImageDraw.Draw(paper).multiline_text(
        (44, 50), RECEIPT, fill=(45, 45, 52), font=font, spacing=12
    )
    table = fade((120, 92, 66), (84, 62, 44), (680, 700))
    turned = paper.convert("RGBA").rotate(2.4, Image.Resampling.BICUBIC, expand=True)
    table.paste(turned, (64, 56), turned)
    return table.filter(ImageFilter.GaussianBlur(0.6))


def draw_faces() -> Image.Image:
    """Return two faces side by side: one smiles, the other raises its brows."""
    image = Image.new("RGB", (720, 420), (90, 110, 140))
    pen = ImageDraw.Draw(image)
    _head(pen, 180, skin=(226, 184, 154), hair=(70, 50, 35), shirt=(160, 70, 60))
    _smile(pen, 180, (226, 184, 154))
    _head(pen, 530, skin=(190, 140, 110), hair=(45, 34, 30), shirt=(60, 110, 90))
    _surprise(pen, 530)
    return image.filter(ImageFilter.GaussianBlur(3))  # hard edges are not found as faces


def _head(pen: ImageDraw.ImageDraw, x: float, *, skin: Color, hair: Color, shirt: Color) -> None:
    pen.ellipse((x - 140, 350, x + 140, 600), fill=shirt)
    pen.rectangle((x - 30, 290, x + 30, 365), fill=_shade(skin, 0.85))
    pen.ellipse((x - 90, 60, x + 90, 330), fill=hair)
    pen.ellipse((x - 75, 90, x + 75, 330), fill=skin)
    for eye in (x - 35, x + 35):
        pen.ellipse((eye - 24, 165, eye + 24, 195), fill=_shade(skin, 0.6))
    pen.polygon(((x, 185), (x - 15, 245), (x + 15, 245)), fill=_shade(skin, 1.08))
    pen.ellipse((x - 17, 238, x + 17, 252), fill=_shade(skin, 0.75))


def _shade(color: Color, factor: float) -> Color:
    red, green, blue = (min(255, int(value * factor)) for value in color)
    return red, green, blue


def _eyes(pen: ImageDraw.ImageDraw, x: float, *, top: float, foot: float, brows: float) -> None:
    for eye in (x - 35, x + 35):
        pen.ellipse((eye - 17, top, eye + 17, foot), fill=(242, 242, 242))
        pen.ellipse((eye - 8, 172, eye + 8, 190), fill=(30, 20, 20))
        arch = [(eye - 24, brows + 11), (eye - 8, brows), (eye + 8, brows), (eye + 24, brows + 11)]
        pen.line(arch, fill=(55, 40, 32), width=9, joint="curve")


def _smile(pen: ImageDraw.ImageDraw, x: float, skin: Color) -> None:
    _eyes(pen, x, top=174, foot=189, brows=150)
    pen.chord((x - 48, 238, x + 48, 304), 10, 170, fill=(150, 60, 60))
    pen.chord((x - 38, 246, x + 38, 294), 15, 165, fill=(245, 240, 235))
    for side in (-1, 1):
        fold = [(x + 40 * side, 240), (x + 50 * side, 256), (x + 54 * side, 272)]
        pen.line(fold, fill=_shade(skin, 0.8), width=5)


def _surprise(pen: ImageDraw.ImageDraw, x: float) -> None:
    _eyes(pen, x, top=168, foot=192, brows=140)
    pen.ellipse((x - 35, 268, x + 35, 292), fill=(150, 60, 60))


def draw_balloon() -> Image.Image:
    """Return a hot-air balloon above hills."""
    size = (520, 520)
    image = sky(size, seed=8, top=(70, 130, 205), bottom=(205, 225, 242))
    outline = ridge(size, base=0.95, rise=0.14, seed=21)
    paste_textured(image, outline, dark=(50, 84, 44), light=(120, 146, 82), seed=21)
    middle, top, foot = 260.0, 50.0, 345.0
    stripes = [(196, 50, 46), (240, 190, 60), (44, 92, 150), (236, 232, 220)]
    edges = np.linspace(-1, 1, 13)
    down = np.linspace(0, 1, 60)
    half = 140 * np.sqrt(np.clip(np.sin(np.pi * down**0.8 * 0.93), 0, 1))
    rows = top + (foot - top) * down
    for number, (left, right) in enumerate(pairwise(edges)):
        color = stripes[number % len(stripes)]
        light = 1 - 0.45 * abs(float(left + right) / 2 + 0.35) ** 1.3
        sides = [np.sin(side * np.pi / 2) for side in (left, right)]
        outer = [(middle + half[i] * sides[0], rows[i]) for i in range(60)]
        inner = [(middle + half[i] * sides[1], rows[i]) for i in reversed(range(60))]
        shaded = (int(color[0] * light), int(color[1] * light), int(color[2] * light))
        ImageDraw.Draw(image).polygon([*outer, *inner], fill=shaded)
    _basket(image, middle, foot)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _basket(image: Image.Image, x: float, foot: float) -> None:
    pen = ImageDraw.Draw(image)
    for side in (-1, 1):
        pen.line((x + 46 * side, foot - 18, x + 20 * side, foot + 46), fill=(70, 60, 50), width=2)
    pen.rectangle((x - 22, foot + 44, x + 22, foot + 78), fill=(122, 84, 48))
    pen.rectangle((x - 24, foot + 42, x + 24, foot + 49), fill=(84, 56, 34))


def draw_beach() -> Image.Image:
    """Return a beach without people: sea, sand, a parasol and a ball."""
    size = (640, 420)
    image = sky(size, seed=31, top=(82, 148, 214), bottom=(206, 228, 240))
    sea = [(0.0, 170.0), (640.0, 170.0), (640.0, 300.0), (0.0, 300.0)]
    paste_textured(image, sea, dark=(22, 92, 122), light=(84, 170, 182), seed=32)
    shore = ridge(size, base=0.68, rise=0.09, seed=33)
    paste_textured(image, shore, dark=(196, 168, 122), light=(238, 218, 176), seed=34)
    pen = ImageDraw.Draw(image)
    pen.ellipse((150, 372, 330, 398), fill=(160, 134, 96))
    pen.line((250, 160, 232, 386), fill=(120, 92, 66), width=7)
    colors = ((206, 62, 54), (244, 240, 230))
    for number in range(6):
        pen.pieslice((130, 120, 370, 290), 180 + 30 * number, 210 + 30 * number, colors[number % 2])
    for number in range(6):
        box = (430, 330, 490, 390)
        pen.pieslice(box, 60 * number, 60 * number + 60, (*colors, (54, 110, 176))[number % 3])
    return image.filter(ImageFilter.GaussianBlur(1))


if __name__ == "__main__":
    main()
