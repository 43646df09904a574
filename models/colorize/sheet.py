"""Draw old photos beside what the colorizer makes of them: python -m models.colorize.sheet."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from colorize.model import Colorizer
from modelkit.devices import Device

_WEIGHTS = Path("services/colorize/src/colorize/weights/colorize.safetensors")
_SHEET = Path("docs/colorized.jpg")
_PHOTO_HEIGHT_PX = 220
_MOST_WIDTH_PX = 300  # of one photo; a wider one is made lower
_PAIRS_IN_A_ROW = 2
_GAP_PX = 8
_QUALITY = 85


def main() -> None:
    """Colour every photo of a folder and write one sheet, each photo beside its colours."""
    parser = argparse.ArgumentParser(description="Draw the contact sheet of the colorizer.")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of JPEG files")
    parser.add_argument("--weights", type=Path, default=_WEIGHTS)
    parser.add_argument("--sheet", type=Path, default=_SHEET)
    arguments = parser.parse_args()
    colorizer = Colorizer(arguments.weights, device=Device())
    pairs = [draw_pair(path, colorizer) for path in sorted(arguments.photos.glob("*.jpg"))]
    draw_sheet(pairs).save(arguments.sheet, quality=_QUALITY)


def draw_pair(path: Path, colorizer: Colorizer) -> Image.Image:
    """Return a photo beside its colours, both at the height of the sheet's rows."""
    photo = np.array(Image.open(path).convert("RGB"))
    coloured = colorizer.colorize(photo)
    width = min(_MOST_WIDTH_PX, round(_PHOTO_HEIGHT_PX * photo.shape[1] / photo.shape[0]))
    height = round(width * photo.shape[0] / photo.shape[1])
    pair = Image.new("RGB", (2 * _MOST_WIDTH_PX, _PHOTO_HEIGHT_PX), "white")
    for left, pixels in ((_MOST_WIDTH_PX - width, photo), (_MOST_WIDTH_PX, coloured)):
        small = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
        pair.paste(small, (left, (_PHOTO_HEIGHT_PX - height) // 2))
    return pair


def draw_sheet(pairs: list[Image.Image]) -> Image.Image:
    """Return all pairs in rows."""
    rows = -(-len(pairs) // _PAIRS_IN_A_ROW)
    width, height = 2 * _MOST_WIDTH_PX + _GAP_PX, _PHOTO_HEIGHT_PX + _GAP_PX
    sheet = Image.new("RGB", (_PAIRS_IN_A_ROW * width, rows * height), "white")
    for index, pair in enumerate(pairs):
        row, column = divmod(index, _PAIRS_IN_A_ROW)
        sheet.paste(pair, (column * width, row * height))
    return sheet


if __name__ == "__main__":
    main()
