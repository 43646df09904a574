"""Layout analysis: detected pieces into rows, and rows into reading order.

Pieces beside each other form one row, as in a receipt, unless a gutter between two columns of prose
parts them. Rows are then ordered as a person reads: down a column, then down the next one, then
what stands between the columns, such as a caption, and the foot of the page.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ocr.preparation import Corners

Row = list[int]  # indices of the pieces of one row, in reading order

_SAME_ROW = 0.5  # least overlap of two pieces of a row, in heights of the lower one
_SIDEWAYS = 2.0  # least height of a line that runs down or up, in widths and in heights of others
_NEIGHBOR_ROWS = 4.5  # how far above and below a column is looked at, in heights
_LEAST_COLUMN_ROWS = 3
_PROSE_ASPECT = 6.0  # a line of prose is wider than this many heights; a price or a label is not
_CROSSING = 1.5  # a piece that reaches this many heights beyond both sides of a gap closes it
_MOST_CROSSING = 0.5  # the detector itself joins some lines across a narrow gutter
_LEVEL_ASPECT = 3.0  # pieces wider than this many heights tell the skew of the page
_END_DOUBT = 0.25  # heights that the two ends of a detected box may be off from level
_TOUCHING = 0.75  # boxes that overlap by fewer heights only touch
_FOOT_GAP = 0.75  # least gap above the foot of a page, in heights
_MOST_ORDERED_ROWS = (
    400  # ordering takes memory with the cube of the rows; beyond it, top to bottom
)


def order_rows(pieces: Sequence[Corners], *, right_to_left: bool = False) -> list[Row]:
    """Return the pieces as rows in reading order.

    Args:
        pieces: the corners of each piece of a line, clockwise from its top left; of lines that run
            downwards, from their upper right, and the right one is read first.
        right_to_left: the script runs from right to left.
    """
    if not pieces:
        return []
    boxes, _ = level_boxes(pieces)
    if right_to_left:
        boxes = boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1)
    rows = _merge_into_rows(boxes)
    hulls = np.array(
        [[*boxes[row, :2].min(axis=0), *boxes[row, 2:].max(axis=0)] for row in rows], np.float64
    )
    return [rows[index] for index in _reading_order(hulls)]


def row_corners(pieces: Sequence[Corners], row: Row) -> Corners:
    """Return the corners of a whole row: from where it begins to where it ends."""
    along = pieces[row[0]][1] - pieces[row[0]][0]
    first = min(row, key=lambda index: float((pieces[index] @ along).min()))
    last = max(row, key=lambda index: float((pieces[index] @ along).max()))
    return np.stack([pieces[first][0], pieces[last][1], pieces[last][2], pieces[first][3]])


def level_boxes(pieces: Sequence[Corners]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return boxes in a frame where the lines are level, and the way back from there.

    Args:
        pieces: the corners of each piece of a line, clockwise from where reading starts.

    Returns:
        boxes: (n, 4), (x0, y0, x1, y1).
        frame: (2, 2), what a point of the boxes is multiplied by from the left.
    """
    corners = np.stack(pieces)
    along = corners[:, 1] - corners[:, 0]
    height = np.hypot(*(corners[:, 3] - corners[:, 0]).T)
    length = np.hypot(*along.T)
    is_long = length > _LEVEL_ASPECT * height
    angle = _median_angle(along[is_long]) if is_long.any() else 0.0
    # A box of few heights says little of its line's direction; a form has no others.
    doubt = direction_doubt(length[is_long] / np.maximum(1.0, height[is_long]))
    quarter = float(np.round(angle / (np.pi / 2)) * (np.pi / 2))
    angle = quarter if abs(angle - quarter) <= doubt else angle
    cosine, sine = np.cos(angle), np.sin(angle)
    frame = np.array([[cosine, -sine], [sine, cosine]])
    turned = corners @ frame
    return np.concatenate([turned.min(axis=1), turned.max(axis=1)], axis=1), frame


def direction_doubt(aspects: NDArray[np.float64]) -> float:
    """Return how far the common direction of boxes may be wrong, in radians.

    Args:
        aspects: the length of each box in heights; the ends of a box are off by some of them.
    """
    return _END_DOUBT / float(np.sqrt(np.sum(aspects**2))) if aspects.size else 0.0


def _median_angle(directions: NDArray[np.float64]) -> float:
    """Return the median direction in radians; directions about the half turn are neighbors."""
    middle = np.arctan2(*directions.sum(axis=0)[::-1])
    apart = np.arctan2(directions[:, 1], directions[:, 0]) - middle
    return float(middle + np.median(np.arctan2(np.sin(apart), np.cos(apart))))


def _merge_into_rows(boxes: NDArray[np.float64]) -> list[Row]:
    rows: list[Row] = []
    for index in np.argsort(boxes[:, 0], kind="stable"):
        mates = [row for row in rows if _same_row(boxes[row[-1]], boxes[index])]
        nearest = max(mates, key=lambda row: float(boxes[row[-1], 2]), default=None)
        if nearest is None or _gutter(boxes, nearest[-1], int(index)):
            rows.append([int(index)])
        else:
            nearest.append(int(index))
    return rows


def _same_row(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    if _runs_past(left, right) or _runs_past(right, left):
        return False
    overlap = min(left[3], right[3]) - max(left[1], right[1])
    lower = min(left[3] - left[1], right[3] - right[1])
    inside = left[2] - right[0]  # how far the right one reaches into the left one
    narrow = min(left[2] - left[0], right[2] - right[0])
    return bool(overlap >= _SAME_ROW * lower and inside <= _SAME_ROW * narrow)


def _runs_past(box: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether a box runs down or up beside another, such as a caption beside lines."""
    width, height = box[2] - box[0], box[3] - box[1]
    return bool(height >= _SIDEWAYS * max(width, other[3] - other[1]))


def _gutter(boxes: NDArray[np.float64], left: int, right: int) -> bool:
    """Return whether two pieces beside each other belong to two columns of prose."""
    height = float(np.median(boxes[[left, right], 3] - boxes[[left, right], 1]))
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    near = np.abs(middle - middle[left]) <= _NEIGHBOR_ROWS * height
    sides = [near & _overlaps(boxes, side) for side in (left, right)]
    # Where the two columns end and begin, not these pieces: a paragraph's last line is short.
    gap = float(np.median(boxes[sides[0], 2]) + np.median(boxes[sides[1], 0])) / 2
    margin = _CROSSING * height
    # Only what reaches into both pieces joins them; a third column between them does not.
    start, end = min(gap, boxes[left, 2]) - margin, max(gap, boxes[right, 0]) + margin
    crossing = near & (boxes[:, 0] < start) & (boxes[:, 2] > end)
    columns = [side & ~crossing for side in sides]
    if crossing.sum() > _MOST_CROSSING * min(column.sum() for column in columns):
        return False
    return all(_is_prose(boxes[column]) for column in columns)


def _overlaps(boxes: NDArray[np.float64], index: int) -> NDArray[np.bool_]:
    box = boxes[index]
    overlap = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    result: NDArray[np.bool_] = overlap > _SAME_ROW * np.minimum(
        boxes[:, 2] - boxes[:, 0], box[2] - box[0]
    )
    return result


def _is_prose(column: NDArray[np.float64]) -> bool:
    aspects = (column[:, 2] - column[:, 0]) / np.maximum(1.0, column[:, 3] - column[:, 1])
    return len(column) >= _LEAST_COLUMN_ROWS and float(np.median(aspects)) >= _PROSE_ASPECT


def _reading_order(boxes: NDArray[np.float64]) -> list[int]:
    """Order boxes (x0, y0, x1, y1) down the columns.

    A box comes before another when it is above it and they overlap in x, or when it is left of it
    and no box between them in y overlaps both. What stands between two columns would tie the end
    of the right one to the start of the left one, so it comes after both.

    Source: Breuel, "High Performance Document Layout Analysis" (2003).
    """
    x0, x1 = boxes[:, 0], boxes[:, 2]
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    top_down = [int(index) for index in np.lexsort((x0, middle))]
    if len(boxes) > _MOST_ORDERED_ROWS:
        return top_down
    # Detected boxes are a little wider than their text: columns may touch without being one.
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    slack = np.minimum(_TOUCHING * height, np.minimum.outer(x1 - x0, x1 - x0) / 2)
    overlaps = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0) > slack
    above = middle[:, None] < middle[None, :]
    foot = _is_foot(boxes, gap=_FOOT_GAP * height)
    aside = _stands_between(boxes, overlaps) & ~foot
    body = ~aside & ~foot
    before = _comes_before(boxes, overlaps, above, np.flatnonzero(body))
    before &= np.equal.outer(body, body)
    before |= np.logical_and.outer(body, ~body) | np.logical_and.outer(aside, foot)
    np.fill_diagonal(before, val=False)
    return _topological(before, top_down)


def _comes_before(
    boxes: NDArray[np.float64],
    overlaps: NDArray[np.bool_],
    above: NDArray[np.bool_],
    parting: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Return which box comes before which; only the `parting` ones part two columns."""
    x0 = boxes[:, 0]
    left_of = ~overlaps & (x0[:, None] < x0[None, :])
    blocked = np.zeros_like(above)
    for third in parting:
        spans = overlaps[third][:, None] & overlaps[third][None, :]
        between = (above[:, third][:, None] & above[third][None, :]) | (
            above[third][:, None] & above[:, third][None, :]
        )
        blocked |= spans & between
    before: NDArray[np.bool_] = (overlaps & above) | (left_of & ~blocked)
    return before


def _is_foot(boxes: NDArray[np.float64], *, gap: float) -> NDArray[np.bool_]:
    """Return which boxes are the last row of the page, below all others and apart from them."""
    lowest = boxes[:, 1].max()
    rest = boxes[boxes[:, 1] < lowest, 3]
    apart = bool(rest.size) and float(lowest - rest.max()) >= gap
    foot: NDArray[np.bool_] = (boxes[:, 1] == lowest) & apart
    return foot


def _stands_between(boxes: NDArray[np.float64], overlaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which boxes stand between two columns and reach into both, such as a caption.

    Such a box has neighbors at its left and right; a wider box of the left neighbor's column
    and one of the right neighbor's both reach above or below it, and they are two columns.
    """
    beside = np.minimum.outer(boxes[:, 3], boxes[:, 3]) > np.maximum.outer(boxes[:, 1], boxes[:, 1])
    beside &= ~overlaps
    result = np.zeros(len(boxes), bool)
    for index, box in enumerate(boxes):
        left = beside[index] & (boxes[:, 2] < box[2])
        right = beside[index] & (boxes[:, 0] > box[0])
        ends = overlaps[index] & overlaps[left].any(axis=0)
        starts = overlaps[index] & overlaps[right].any(axis=0)
        ends[index] = starts[index] = False
        result[index] = bool((~overlaps[np.ix_(ends, starts)]).any())
    return result


def _topological(before: NDArray[np.bool_], top_down: Sequence[int]) -> list[int]:
    """Take the topmost box that no box left comes before, until none is left."""
    waiting = list(top_down)
    order: list[int] = []
    blockers = before.sum(axis=0).astype(int)
    while waiting:
        chosen = next((index for index in waiting if blockers[index] == 0), waiting[0])
        waiting.remove(chosen)
        order.append(chosen)
        blockers -= before[chosen]
    return order
