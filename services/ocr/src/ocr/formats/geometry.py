"""Boxes and angles of blocks, lines and words for the formats."""

import math
import re
from itertools import groupby

import numpy as np

from ocr.engines import PageLine
from ocr.preparation import Corners
from ocr.reading import Page

# What XML 1.0 cannot hold: control signs, halves of a surrogate pair and two noncharacters.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def box(corners: Corners) -> tuple[int, int, int, int]:
    """Return the upright box around corners: left, top, right and bottom, in whole pixels."""
    left, top = (math.floor(side) for side in corners.min(axis=0))
    right, bottom = (math.ceil(side) for side in corners.max(axis=0))
    return left, top, right, bottom


def lines_of_blocks(page: Page) -> list[tuple[Corners, list[PageLine]]]:
    """Return the corners of each block with its lines."""
    lines = groupby(page.lines, key=lambda line: line.block)
    return [(page.blocks[block], list(group)) for block, group in lines]


def from_the_left(page: Page, corners: Corners) -> Corners:
    """Return corners clockwise from the upper left one of a line that lies level.

    Those of a right-to-left page begin at the upper right one.
    """
    rolled: Corners = np.roll(corners, 1, axis=0) if page.right_to_left else corners
    return rolled


def lean(page: Page, corners: Corners) -> float:
    """Return how far a line leans clockwise, in degrees, in [-180, 180]."""
    start, end = from_the_left(page, corners)[:2]
    return math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))


def for_xml(text: str) -> str:
    """Return text without the signs that XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)
