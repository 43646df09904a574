"""Frames of an animation, or pages of a TIFF: a bounded number, spread evenly."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from PIL import Image

from modelkit import formats, srgb
from modelkit.doubts import ImageWarning, frames_skipped
from modelkit.images import DecodedImage, ImageLimits, check_size, decode_image, to_array

Result = TypeVar("Result")

MOST_FRAMES: Final = 64  # that are looked at
_MOST_READ: Final = 2000  # frames that are decoded to find these; a minute of video has 1,800
_MOST_READ_PIXELS: Final = 1_000_000_000  # of all of them together: about 4 s of a core


@dataclass(frozen=True, slots=True)
class Frames(Generic[Result]):
    """Frames of a file.

    Attributes:
        chosen: the frames that were looked at, as number, counted from 1, and result.
        count: frames that were read.
        warnings: what is missing.
    """

    chosen: list[tuple[int, Result]]
    count: int
    warnings: tuple[ImageWarning, ...] = ()


def read_frames(
    content: bytes, limits: ImageLimits, prepare: Callable[[DecodedImage], Result]
) -> Frames[Result]:
    """Return what `prepare` makes of at most `MOST_FRAMES` frames, the first one among them.

    Every frame is taken until there are too many; then every second of them is dropped, and of
    those that follow only every second is taken, and so on.

    Raises:
        UnreadableImage: see `decode_image`, for each frame.
    """
    first = decode_image(content, limits)
    chosen = [(1, prepare(first))]
    image_format = formats.recognize(content)
    count, step, read_pixels = 1, 1, 0
    with image_format.open(io.BytesIO(content)) as image:
        while _seek(image, count):
            read_pixels += image.width * image.height
            if count >= _MOST_READ or read_pixels > _MOST_READ_PIXELS:
                return Frames(chosen, count, (*first.warnings, frames_skipped(count)))
            check_size(image.size, limits)
            if count % step == 0:
                pixels = to_array(srgb.upright_srgb(image.copy()))
                chosen.append((count + 1, prepare(DecodedImage(pixels, first.media_type))))
            count += 1
            if len(chosen) > MOST_FRAMES:
                chosen, step = chosen[::2], step * 2
    return Frames(chosen, count, first.warnings)


def _seek(image: Image.Image, number: int) -> bool:
    """Read the frame of that number, counted from 0; return False where there is none."""
    try:
        image.seek(number)
        image.load()
    # An edge: a still image, an end and a broken frame raise many classes. What could be read
    # before counts.
    except Exception:  # noqa: BLE001
        return False
    return True
