"""Copies of photos in other sizes."""

import numpy as np
import pytest

from tests.vision.drawn import draw_flat, draw_ramp
from vision.resizing import shrink


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((1632, 1224), 640 / 1632, (640, 480)),
        ((299, 200), 2.0, (598, 400)),
        ((65_535, 1), 256 / 65_535, (256, 1)),
        ((1, 65_535), 256 / 65_535, (1, 256)),
        ((3, 3), 0.01, (1, 1)),
    ],
)
def test_copy_has_the_scaled_size(
    size: tuple[int, int], scale: float, expected: tuple[int, int]
) -> None:
    assert shrink(draw_flat(*size, (1, 2, 3)), scale).shape[1::-1] == expected


def test_fine_stripes_become_their_mean() -> None:
    stripes = draw_flat(1024, 64, (0, 0, 0))
    stripes[:, ::2] = 200

    assert (shrink(stripes, 0.25) == 100).all()


def test_ramp_stays_in_place() -> None:
    ramp = draw_ramp(1024, 768)

    small = shrink(ramp, 0.25).astype(int)

    assert np.abs(small - draw_ramp(256, 192)).max() <= 2
