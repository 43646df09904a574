"""Line detection: in tiles for long images, and a second time around uncovered ink."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from modelkit.images import RgbImage
from ocr.engines import Detector
from ocr.ink import InkRow, TiledImage, cover, uncovered_rows
from ocr.preparation import Corners, are_mostly_upright, crop, part, runs_upright, sides
from ocr.tiling import Tile, join_pieces

# The detector, whose sight is the whole image, passes over a lone line on a large page and now and
# then over one among twenty; on a crop of it, it finds the line.
_LETTER_PX = 32  # the height that a crop's letters are brought to
_WELL_SEEN_PX = (16, 64)  # letters that need no scaling
_MOST_SCALE = 2.0
_SURROUNDINGS = 1.5  # of a row in its crop, in heights
_MARGIN_PX = 48  # of ground around a crop
_MOST_CROP_PIXELS = 1_200_000
_TEXT_ASPECT = 3.0  # a row longer than this is likely text; a shorter one may be a logo or a speck
_TEXT_PIXELS = 6_800_000  # most of all crops of such rows
_OTHER_PIXELS = 400_000  # the same of the others
_OTHER_SHARE = 0.15  # the same of an image where lines were found: receipts have logos and specks
_LEAST_ASPECT = 0.3  # there; rules and the edges of paper are narrower
_MOST_ROWS = 200
_COVERED_SHARE = 0.5
_SAME_COLUMN = 0.7  # least width that two pieces of an upright line share, in the wider one's
_MOST_ASPECT = 60.0  # of a piece, in heights; the engines squeeze those of more than 64
_CUT_ASPECT = 40.0  # of the parts that it is cut into
_CUT_REACH = 5.0  # heights around a cut, within which there is a blank between two words
_LONE_ROWS = 2  # most rows on a page where they are taken for lines unseen
_LONE_PX = 12.0  # least height of such a row


@dataclass(frozen=True, slots=True)
class _Crop:
    """A part of an image that is looked at again: (left, top, right, bottom) in its pixels."""

    box: tuple[float, float, float, float]
    letter_px: float

    @property
    def scale(self) -> float:
        """Pixels that the detector sees for one pixel of the image."""
        if _WELL_SEEN_PX[0] <= self.letter_px <= _WELL_SEEN_PX[1]:
            return 1.0
        return min(_MOST_SCALE, _LETTER_PX / self.letter_px)

    @property
    def pixels(self) -> float:
        """Number of pixels that the detector sees."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top) * self.scale**2

    def joined(self, other: "_Crop") -> "_Crop":
        """Return the crop that holds both."""
        first, last = np.minimum(self.box, other.box), np.maximum(self.box, other.box)
        box = (float(first[0]), float(first[1]), float(last[2]), float(last[3]))
        return _Crop(box, min(self.letter_px, other.letter_px))

    def touches(self, other: "_Crop") -> bool:
        """Return whether the two overlap."""
        return bool(
            (np.minimum(self.box, other.box)[2:] > np.maximum(self.box, other.box)[:2]).all()
        )


def find_pieces(detector: Detector, image: TiledImage) -> list[Corners]:
    """Return the corners of every piece of a line, in pixels of the image, in no order.

    Args:
        detector: finds most of them.
        image: what is searched.
    """
    found = [_find(detector, image, tile) for tile in image.tiles]
    joined = _join_sideways(join_pieces(image.tiles, found))
    return [part for piece in joined for part in _cut_at_blanks(image.pixels, piece)]


def _join_sideways(pieces: list[Corners]) -> list[Corners]:
    """Join the pieces of each line that runs down or up on a page of level ones.

    The detector cuts such a line into words, and only a whole line tells which way it runs.
    """
    if are_mostly_upright(pieces):
        return pieces
    upright = [piece for piece in pieces if runs_upright(piece)]
    lines = [piece for piece in pieces if not runs_upright(piece)]
    for piece in sorted(upright, key=lambda one: float(one[0, 1])):
        above = next((at for at, line in enumerate(lines) if _goes_on(line, piece)), None)
        if above is None:
            lines.append(piece)
        else:
            lines[above] = np.stack([*lines[above][:2], *piece[2:]])
    return lines


def _goes_on(above: Corners, below: Corners) -> bool:
    """Return whether an upright piece goes on with another above it."""
    if not runs_upright(above):
        return False
    left = max(above[:, 0].min(), below[:, 0].min())
    right = min(above[:, 0].max(), below[:, 0].max())
    widths = [float(np.ptp(piece[:, 0])) for piece in (above, below)]
    gap = float(below[:2, 1].mean() - above[2:, 1].mean())
    return bool(right - left >= _SAME_COLUMN * max(widths) and gap <= min(widths))


def _find(detector: Detector, image: TiledImage, tile: Tile) -> list[Corners]:
    pixels = np.ascontiguousarray(tile.of(image.pixels))
    pieces = detector.detect(pixels)
    ink = image.ink_of(tile)
    if not ink.is_calm:
        return pieces
    rows = uncovered_rows(ink, pieces)
    for again in _crops(rows, pixels, is_sparse=not pieces):
        mask = cover(ink.labels.shape, pieces, ink.scale)
        for piece in _look_again(detector, pixels, again):
            inside = cover(ink.labels.shape, [piece], ink.scale).view(np.bool_)
            if inside.any() and mask[inside].mean() < _COVERED_SHARE:
                pieces.append(piece)
    if not pieces and len(rows) <= _LONE_ROWS:
        # A lone I is no text to the detector, however it is shown; the recognizer knows it.
        return [row.corners for row in rows if row.height >= _LONE_PX]
    return pieces


def _cut_at_blanks(pixels: RgbImage, piece: Corners) -> list[Corners]:
    """Cut a piece that the engines would have to squeeze into parts, each cut between two words."""
    length, height = sides(piece)
    if length <= _MOST_ASPECT * height:
        return [piece]
    line = crop(pixels, piece, max_aspect=length / max(1.0, height) + 1)
    darkness = np.ptp(cv2.cvtColor(line, cv2.COLOR_RGB2GRAY), axis=0).astype(float)
    smooth = cv2.blur(darkness[None], (max(1, round(height / 4)), 1))[0]
    count = int(np.ceil(length / (_CUT_ASPECT * height)))
    reach = round(_CUT_REACH * height)
    cuts = [0.0]
    for number in range(1, count):
        start = max(0, round(number * len(smooth) / count) - reach)
        cuts.append((start + int(smooth[start : start + 2 * reach].argmin())) / len(smooth))
    return [part(piece, *ends) for ends in pairwise([*cuts, 1.0])]


def _crops(rows: Sequence[InkRow], pixels: RgbImage, *, is_sparse: bool) -> list[_Crop]:
    """Return the crops to look at again, within the pixels that this may take.

    Args:
        rows: of ink that no line covers.
        pixels: the image.
        is_sparse: nothing was found in it yet, so that every mark counts.
    """
    crops: list[_Crop] = []
    others = _OTHER_PIXELS
    if not is_sparse:
        rows = [row for row in rows if row.aspect >= _LEAST_ASPECT]
        others = min(others, round(_OTHER_SHARE * pixels.shape[0] * pixels.shape[1]))
    left = {True: _TEXT_PIXELS, False: others}
    for row in rows[:_MOST_ROWS]:
        around = _around(row, pixels)
        left[row.aspect >= _TEXT_ASPECT] -= round(around.pixels)
        if left[row.aspect >= _TEXT_ASPECT] > 0:
            crops.append(around)
    joined: list[_Crop] = []
    for following in sorted(crops, key=lambda seen: seen.box[1]):
        if joined and joined[-1].touches(following):
            whole = joined[-1].joined(following)
            if whole.pixels <= _MOST_CROP_PIXELS:
                joined[-1] = whole
                continue
        joined.append(following)
    return joined


def _around(row: InkRow, pixels: RgbImage) -> _Crop:
    height, width = pixels.shape[:2]
    margin = _SURROUNDINGS * row.height
    left, top = max(0.0, row.left - margin), max(0.0, row.top - margin)
    right, bottom = min(width, row.right + margin), min(height, row.bottom + margin)
    return _Crop((left, top, right, bottom), row.height)


def _look_again(detector: Detector, pixels: RgbImage, seen: _Crop) -> list[Corners]:
    """Return the pieces in a crop, in pixels of the image."""
    left, top, right, bottom = (round(side) for side in seen.box)
    cut = pixels[top:bottom, left:right]
    size = (max(1, round(side * seen.scale)) for side in (right - left, bottom - top))
    method = cv2.INTER_AREA if seen.scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(cut, tuple(size), interpolation=method)
    edge = np.concatenate([scaled[0], scaled[-1], scaled[:, 0], scaled[:, -1]])
    ground = [float(value) for value in np.median(edge, axis=0)]
    margins = (_MARGIN_PX,) * 4
    framed = cv2.copyMakeBorder(scaled, *margins, cv2.BORDER_CONSTANT, value=ground)
    found = detector.detect(np.asarray(framed, np.uint8))
    return [(piece - _MARGIN_PX) / seen.scale + (left, top) for piece in found]
