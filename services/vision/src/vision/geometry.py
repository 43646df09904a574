"""Boxes in the pixels of the upright image."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image, origin top left; right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return self.bottom - self.top


def unturned(box: Box, quarters: int, size_px: tuple[int, int]) -> Box:
    """Return the place in an image of a box in the image after quarter turns counterclockwise.

    Args:
        box: in pixels of the turned image.
        quarters: 0 to 3.
        size_px: (width, height) of the image before it was turned.
    """
    width, height = size_px
    if quarters == 1:
        return Box(width - box.bottom, box.left, width - box.top, box.right)
    if quarters == 2:  # noqa: PLR2004 - half a turn
        return Box(width - box.right, height - box.bottom, width - box.left, height - box.top)
    if quarters == 3:  # noqa: PLR2004 - three quarters of one
        return Box(box.top, height - box.right, box.bottom, height - box.left)
    return box
