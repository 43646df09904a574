"""Draw photos beside their colors: python -m models.colorize.sheet --old FOLDER --photos ZIP."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cyclopts
import numpy as np
from PIL import Image

from colorize.model import Colorizer
from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from models.colorize.evaluate import grey_copy
from models.colorize.export import GRAPH
from models.training.images import read_photos

_SHEET = Path("docs/colorized.jpg")
_PHOTO_HEIGHT_PX = 200
_MOST_WIDTH_PX = 270  # of one photo; a wider one is made lower
_ROWS_SIDE_BY_SIDE = 2
_GAP_PX = 8
_QUALITY = 85


def main(
    *,
    old: Path,
    photos: Path,
    count: int = 10,
    skip: int = 0,
    graph: Path = GRAPH,
    sheet: Path = _SHEET,
) -> None:
    """Write one sheet: old photos and their colors, then grey copies, their colors, the truth.

    Args:
        old: Folder of JPEG files.
        photos: Zip of color photos.
        count: Number of color photos.
        skip: Number of color photos left out at first.
        graph: Of the colorizer.
        sheet: JPEG file to write.
    """
    colorizer = Colorizer(Runtime(threads=1).open(graph, sizes_vary=True))
    rows = []
    for path in sorted(old.glob("*.jpg")):
        photo = np.array(Image.open(path).convert("RGB"))
        rows.append(draw_row([photo, colorizer.colorize(photo)]))
    for _, photo in islice(read_photos(photos), skip, skip + count):
        grey = grey_copy(photo)
        rows.append(draw_row([grey, colorizer.colorize(grey), photo]))
    draw_sheet(rows).save(sheet, quality=_QUALITY)


def draw_row(photos: Sequence[RgbImage]) -> Image.Image:
    """Return photos of one shape side by side, each at the height of the sheet's rows."""
    height, width = photos[0].shape[:2]
    small_width = min(_MOST_WIDTH_PX, round(_PHOTO_HEIGHT_PX * width / height))
    small_height = round(small_width * height / width)
    row = Image.new("RGB", (len(photos) * small_width, small_height), "white")
    for number, pixels in enumerate(photos):
        small = Image.fromarray(pixels).resize(
            (small_width, small_height), Image.Resampling.LANCZOS
        )
        row.paste(small, (number * small_width, 0))
    return row


def draw_sheet(rows: Sequence[Image.Image]) -> Image.Image:
    """Return all rows, two side by side."""
    width = max(row.width for row in rows) + _GAP_PX
    height = _PHOTO_HEIGHT_PX + _GAP_PX
    lines = -(-len(rows) // _ROWS_SIDE_BY_SIDE)
    sheet = Image.new("RGB", (_ROWS_SIDE_BY_SIDE * width, lines * height), "white")
    for index, row in enumerate(rows):
        line, column = divmod(index, _ROWS_SIDE_BY_SIDE)
        sheet.paste(row, (column * width, line * height))
    return sheet


if __name__ == "__main__":
    cyclopts.run(main)
