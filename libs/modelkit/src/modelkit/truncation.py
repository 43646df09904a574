"""JPEG files whose end is missing: read as far as they go, and how much of them is lost.

Cameras and interrupted downloads leave such files; every viewer shows them.
"""

from typing import Final

import numpy as np
from PIL import Image

_START_OF_SCAN: Final = b"\xff\xda"
_END_OF_IMAGE: Final = b"\xff\xd9"
_FILL_LEVELS: Final = (127, 128)  # of what libjpeg makes of missing blocks: no light, no color
_BAND_ROWS: Final = 64


def has_no_end(content: bytes) -> bool:
    """Tell whether a JPEG ends within its scans; a thumbnail in its metadata has an end too."""
    return content.find(_START_OF_SCAN, content.rfind(_END_OF_IMAGE) + 1) >= 0


def with_end(content: bytes) -> bytes:
    """Return the file with the mark that libjpeg takes for its end."""
    return content + _END_OF_IMAGE


def lost_share(image: Image.Image) -> float:
    """Return the share of the rows, counted from the last one, that nothing was read of.

    Args:
        image: as Pillow reads it, before it is turned.
    """
    width, height = image.size
    lost = 0
    for bottom in range(height, 0, -_BAND_ROWS):
        top = max(0, bottom - _BAND_ROWS)
        band = np.asarray(image.crop((0, top, width, bottom))).reshape(bottom - top, -1)
        seen = np.flatnonzero(~np.isin(band, _FILL_LEVELS).all(axis=1))
        if seen.size:
            lost += bottom - top - 1 - int(seen[-1])
            break
        lost += bottom - top
    return lost / height
