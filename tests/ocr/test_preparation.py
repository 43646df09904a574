"""Preparation of an image for the engines."""

import numpy as np
import pytest

from ocr.preparation import (
    MAX_LONG_SIDE_PX,
    MAX_SIDE_PX,
    crop,
    downward,
    fit,
    flatten_light,
    is_upright,
    part,
    turn,
    turn_back,
)

BOX = np.array([[10.0, 20.0], [50.0, 20.0], [50.0, 30.0], [10.0, 30.0]])


def flat(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), 255, np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "longest"),
    [
        (1, 1, MAX_SIDE_PX),
        (1, 25_000, 25_000),
        (4000, 1, 4000),
        (40_000, 1, MAX_LONG_SIDE_PX),
        (5000, 5000, MAX_SIDE_PX),
        (11_000, 3300, 10_000),
        (600, 800, MAX_SIDE_PX),
    ],
)
def test_fitted_image_is_bounded(height: int, width: int, longest: int) -> None:
    fitted = fit(flat(height, width)).pixels

    assert max(fitted.shape[:2]) <= longest
    assert 1 <= min(fitted.shape[:2]) <= MAX_SIDE_PX


def test_long_image_keeps_its_size() -> None:
    fitted = fit(flat(30_000, 1080))

    assert (fitted.pixels.shape, fitted.scale) == ((30_000, 1080, 3), 1.0)


@pytest.mark.parametrize(
    ("stretch", "size"), [(2.0, (400, 300)), (0.5, (200, 600)), (1.0, (200, 300))]
)
def test_pixels_of_a_fax_become_square(stretch: float, size: tuple[int, int]) -> None:
    fitted = fit(flat(200, 300), stretch)

    assert fitted.pixels.shape[:2] == size
    corner = np.array([[float(size[1]), float(size[0])]])
    np.testing.assert_allclose(fitted.to_original(corner), [[300.0, 200.0]])


def test_fitted_corners_return_to_the_original() -> None:
    fitted = fit(flat(2400, 6000))

    returned = fitted.to_original(np.array([[3000.0, fitted.top_px + 50.0]]))

    np.testing.assert_allclose(returned, [[6000.0, 100.0]])


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_corners_return_to_the_original(degrees: int) -> None:
    pixels = flat(60, 80)
    pixels[20, 10] = 0
    y, x = np.argwhere(turn(pixels, degrees)[:, :, 0] == 0)[0]
    middle = np.array([[x + 0.5, y + 0.5]])

    returned = turn_back(middle, degrees, height=60, width=80)

    np.testing.assert_allclose(returned, [[10.5, 20.5]])


def test_crop_lays_a_line_level() -> None:
    pixels = flat(100, 100)
    pixels[20:30, 10:50] = 0

    cut = crop(pixels, BOX, max_aspect=64)

    assert cut.shape == (10, 40, 3)
    assert cut.max() == 0


def test_crop_of_a_long_line_is_squeezed() -> None:
    line = np.array([[0.0, 0.0], [99.0, 0.0], [99.0, 2.0], [0.0, 2.0]])

    cut = crop(flat(100, 100), line, max_aspect=10)

    assert cut.shape == (2, 20, 3)


def test_shadow_is_flattened() -> None:
    pixels = flat(400, 400)
    pixels[:, :200] = 120

    grey = flatten_light(pixels)

    assert grey[200, 50] > 240
    assert grey[200, 350] > 240


def test_part_of_a_line_lies_between_two_shares_of_its_length() -> None:
    np.testing.assert_allclose(
        part(BOX, 0.25, 0.5), [[20, 20], [30, 20], [30, 30], [20, 30]], atol=1e-4
    )


def test_part_of_a_line_that_narrows_is_nearer_to_its_narrow_end() -> None:
    """In a photo the far half of a line is the shorter one."""
    narrowing = np.array([[0.0, 0.0], [100.0, 20.0], [100.0, 40.0], [0.0, 60.0]])

    assert part(narrowing, 0, 0.5)[1, 0] > 60


def test_downward_line_begins_at_its_upper_right_corner() -> None:
    column = np.array([[10.0, 20.0], [20.0, 20.0], [20.0, 90.0], [10.0, 90.0]])

    assert is_upright(column)
    assert not is_upright(BOX)
    assert downward(column).tolist() == [[20, 20], [20, 90], [10, 90], [10, 20]]
