"""Indentation of program code in plain text, from the left edges of its lines."""

import re
from collections.abc import Sequence

import numpy as np

from ocr.engines import PageLine
from ocr.preparation import line_height

# Of a line of code in a usual language; prose, lists, letters and receipts have few such lines.
_CODE = re.compile(
    r"[{};]$|^[})]|\w\(.*\)|\w ?(?:[-+*/:!<>=]?=|->|=>) ?\S"
    r"|^(?:def|class|if|for|while|else|elif|try|except|with)\b.*:$|^(?:return|import|from) \w+"
)
_LEAST_CODE = 0.6  # of the lines
_LEAST_LINES = 3
_MOST_OFF_GRID = 0.25  # of a step
_LEAST_STEP = 1.5  # letters; a smaller one is a slip of the detector
_MOST_SPACES = 8  # of a step
_MOST_LEVELS = 12


def indented_text(lines: Sequence[PageLine]) -> str:
    """Return the lines joined by line breaks; those of code from the top, with their indentation.

    Lines are code where most look so, all stand below each other, and begin on a common grid.
    """
    downwards = sorted(lines, key=lambda line: float(line.corners[:, 1].mean()))
    indents = _find_indents(downwards) if _is_code(downwards) else None
    if indents is None:
        return "\n".join(line.text for line in lines)
    return "\n".join(
        " " * indent + line.text for line, indent in zip(downwards, indents, strict=True)
    )


def _is_code(lines: Sequence[PageLine]) -> bool:
    marked = sum(bool(_CODE.search(line.text)) for line in lines)
    is_marked = len(lines) >= _LEAST_LINES and marked >= _LEAST_CODE * len(lines)
    return is_marked and _is_column(lines)


def _find_indents(lines: Sequence[PageLine]) -> list[int] | None:
    """Return the spaces before each line, None where they begin on no grid."""
    widths = sum(float(np.ptp(line.corners[:, 0])) for line in lines)
    letter_px = widths / max(1, sum(len(line.text) for line in lines))
    indents = np.array([float(line.corners[:, 0].min()) for line in lines])
    indents -= indents.min()
    steps = indents[indents > _LEAST_STEP * letter_px]
    if not steps.size:
        return None
    # All lines of the first level tell its indent better than the least of them.
    step = float(np.median(steps[steps < steps.min() * (1 + 2 * _MOST_OFF_GRID)]))
    levels = np.rint(indents / step)
    spaces = round(step / letter_px)
    is_grid = bool((np.abs(indents / step - levels) <= _MOST_OFF_GRID).all())
    if not is_grid or spaces > _MOST_SPACES or levels.max() > _MOST_LEVELS:
        return None
    return [spaces * int(level) for level in levels]


def _is_column(lines: Sequence[PageLine]) -> bool:
    """Return whether each line stands below the one before it."""
    middles = [float(line.corners[:, 1].mean()) for line in lines]
    heights = [line_height(line.corners) for line in lines]
    return all(
        below - above > height / 2
        for above, below, height in zip(middles, middles[1:], heights, strict=False)
    )
