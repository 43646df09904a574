"""Warnings about an image that was read: what is missing of it."""

from dataclasses import dataclass
from typing import Final

TRUNCATED: Final = "truncated"
FRAMES_SKIPPED: Final = "frames_skipped"


@dataclass(frozen=True, slots=True)
class ImageWarning:
    """A reason to doubt an answer: a stable code, and a sentence for the caller."""

    code: str
    message: str


def truncated(lost_share: float) -> ImageWarning:
    """Return the warning about an image without its end, of whose rows that share is missing."""
    rows = f"the last {lost_share:.0%} of its rows" if lost_share else "its last bytes"
    return ImageWarning(TRUNCATED, f"the file ends too early and lacks {rows}; send a whole file")


def frames_skipped(count: int) -> ImageWarning:
    """Return the warning about an animation of which only the first `count` frames were read."""
    message = f"only the first {count} frames were looked at; send a shorter animation"
    return ImageWarning(FRAMES_SKIPPED, message)
