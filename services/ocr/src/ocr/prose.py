"""Reading of clean prose by Tesseract, without the detector.

The rows of a clean page of one column are told by its ink. One call of Tesseract reads it, where
that leaves nothing in doubt; else it reads the rows one by one.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from modelkit.images import RgbImage
from ocr.bands import find_rows
from ocr.engines import PageLine, mean_confidence
from ocr.ink import Ink, find_ink, uncovered_rows
from ocr.languages import TESSERACT_LINES, TESSERACT_PAGE, Language
from ocr.preparation import line_height
from ocr.tesseract import TesseractReader
from ocr.tiling import cut_tiles

# Of a rendered page, one saved as a JPEG of quality 90 and a scan of two levels .85 to .94 are
# ground and .00 to .04 of that is off it; 20 receipts have .065 and more, photos more than the
# ground itself.
_GROUND_LEVELS = 2
_GROUND_SHARE = 0.75
_DIRT_LEVELS = 40
_DIRT_SHARE = 0.05
_LIGHT_GROUND = 200
_LEGIBLE_PX = 16.0  # least height of a line that is read at once; smaller ones are scaled
_MOST_OVERLAP = 0.35  # of two lines, in heights: lines of a second column stand beside each other
# Of 102 pages Tesseract read 64 so, none worse by more than two letters than the languages' routes.
_SURE_PAGE = 0.9
_SURE_LINE = 0.85
_SURE_WORD = 0.7
_BAR = "|"  # Tesseract takes the letter I for it, and is sure of that
_DOUBTFUL_LINES = 0.7  # below it the rows may be wrong, and the detector is asked
_DOUBTFUL_SHARE = 0.02  # most words below it


def read_prose(
    reader: TesseractReader, pixels: RgbImage, language: Language
) -> tuple[list[PageLine], str] | None:
    """Return the lines of a clean page of one column and their route; None for other images.

    Args:
        reader: of the language.
        pixels: (height, width, 3) uint8, sRGB.
        language: of the text.
    """
    if not is_clean(pixels):
        return None
    ink = find_ink(pixels)
    rows = find_rows(ink)
    if rows is None:
        return None
    page = []
    if language.is_quick and float(np.median([line_height(row) for row in rows])) >= _LEGIBLE_PX:
        page = reader.read_page(pixels)
        if not _is_one_column(page) or not _is_complete(ink, page):
            page = []
        if _is_sure(page):
            return page, TESSERACT_PAGE
    if language.route != TESSERACT_LINES:
        return None
    texts = zip(reader.read_lines(pixels, rows), rows, strict=True)
    lines = [PageLine(read.text, read.confidence, row, read.words) for read, row in texts]
    if len(page) == len(lines):
        lines = [max(pair, key=_confidence) for pair in zip(page, lines, strict=True)]
    lines = [line for line in lines if line.text]
    return (lines, TESSERACT_LINES) if mean_confidence(lines) >= _DOUBTFUL_LINES else None


def is_clean(pixels: RgbImage) -> bool:
    """Return whether an image is print on a ground of one light color, without any noise."""
    if len(cut_tiles(*pixels.shape[:2])) > 1:
        return False
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    counts = np.bincount(grey.ravel(), minlength=256)
    ground = int(counts.argmax())
    edge = max(0, ground - _GROUND_LEVELS)
    near = int(counts[edge : ground + _GROUND_LEVELS + 1].sum())
    dirt = int(counts[max(0, ground - _DIRT_LEVELS) : edge].sum())
    is_even = near >= _GROUND_SHARE * grey.size and dirt <= _DIRT_SHARE * near
    return is_even and ground >= _LIGHT_GROUND


def _confidence(line: PageLine) -> float:
    return line.confidence


def _is_sure(lines: Sequence[PageLine]) -> bool:
    if not lines:
        return False
    if any(_BAR in line.text for line in lines):
        return False
    words = [word.confidence for line in lines for word in line.words]
    doubtful = sum(confidence < _SURE_WORD for confidence in words)
    return (
        mean_confidence(lines) >= _SURE_PAGE
        and min(line.confidence for line in lines) >= _SURE_LINE
        and doubtful <= max(1.0, _DOUBTFUL_SHARE * len(words))
    )


def _is_one_column(lines: Sequence[PageLine]) -> bool:
    """Return whether there are lines, and each stands below the one before it."""
    if not lines:
        return False
    tops, bottoms = (np.array([line.corners[corner, 1] for line in lines]) for corner in (0, 2))
    height = float(np.median(bottoms - tops))
    return bool((tops[1:] >= bottoms[:-1] - _MOST_OVERLAP * height).all())


def _is_complete(ink: Ink, lines: Sequence[PageLine]) -> bool:
    return not uncovered_rows(ink, [line.corners for line in lines])
