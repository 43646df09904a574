"""Face detection, on drawn faces and, where they are at hand, on photos of 1850-1916."""

from pathlib import Path

import numpy as np
import pytest

from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.manifest import find_model, load_manifest
from tests.vision.drawn import draw_face, draw_flat
from vision.faces import CascadeDetector, FaceDetector, YunetDetector, fitting_scale, tidy_boxes
from vision.geometry import Box

SQUARE = draw_flat(100, 100, (0, 0, 0))


@pytest.fixture(scope="module")
def cascade() -> CascadeDetector:
    entries = load_manifest("vision")
    found = find_model(entries, "faces", models_dir=Path("unused"), profile="embedded")
    return CascadeDetector(found.path)


@pytest.fixture(scope="module")
def yunet(shared_dir: Path) -> YunetDetector:
    return YunetDetector(shared_dir / "models" / "yunet_n_640_640.onnx")


@pytest.fixture(params=["cascade", "yunet"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    found: FaceDetector = request.getfixturevalue(request.param)
    return found


def old_photo(shared_dir: Path, name: str) -> RgbImage:
    content = (shared_dir / "eval" / "old-photos" / name).read_bytes()
    return decode_image(content, ImageLimits()).pixels


@pytest.mark.parametrize("side", [100, 400, 2000])
def test_drawn_face_is_found_at_its_place(detector: FaceDetector, side: int) -> None:
    (box,) = detector.find(draw_face(side))

    middle = ((box.left + box.right) / 2 / side, (box.top + box.bottom) / 2 / side)
    assert middle == pytest.approx((0.5, 0.5), abs=0.1)
    assert 0.35 * side < box.width < 0.65 * side


def test_two_faces_are_sorted_from_left_to_right(detector: FaceDetector) -> None:
    boxes = detector.find(np.hstack([draw_face(400), draw_face(400)]))

    assert [box.left // 400 for box in boxes] == [0, 1]


@pytest.mark.parametrize("size", [(640, 480), (1, 1), (1, 3000), (3000, 1), (7, 5)])
def test_picture_without_a_face_has_no_box(detector: FaceDetector, size: tuple[int, int]) -> None:
    assert detector.find(draw_flat(*size, (90, 110, 140))) == []


def test_three_girls_of_1860_are_found_once_each(detector: FaceDetector, shared_dir: Path) -> None:
    assert len(detector.find(old_photo(shared_dir, "1860Girls.jpg"))) == 3


def test_yunet_finds_the_faces_of_a_crowd(yunet: YunetDetector, shared_dir: Path) -> None:
    """Of about forty; some look down or away."""
    assert len(yunet.find(old_photo(shared_dir, "1890BostonHospital.jpg"))) >= 30


def test_boxes_are_cut_to_the_picture_and_those_outside_dropped() -> None:
    boxes = [Box(-10, -5, 40, 45), Box(70, 60, 130, 140), Box(100, 0, 150, 50), Box(-9, 0, 0, 9)]

    assert tidy_boxes(boxes, SQUARE) == [Box(0, 0, 40, 45), Box(70, 60, 100, 100)]


def test_of_two_boxes_on_one_face_the_first_stays() -> None:
    overlapping = [Box(10, 10, 50, 50), Box(15, 12, 55, 52)]
    nested = [Box(10, 10, 50, 50), Box(20, 20, 30, 30)]

    assert tidy_boxes(overlapping, SQUARE) == overlapping[:1]
    assert tidy_boxes(nested, SQUARE) == nested[:1]


def test_neighbouring_faces_both_stay() -> None:
    neighbours = [Box(45, 10, 85, 50), Box(10, 10, 50, 50)]

    assert tidy_boxes(neighbours, SQUARE) == [neighbours[1], neighbours[0]]


@pytest.mark.parametrize(
    ("size", "scale"), [((2560, 100), 0.5), ((100, 2560), 0.5), ((1000, 1), 1.28), ((10, 10), 2.0)]
)
def test_scale_bounds_the_longer_side_and_the_enlarging(
    size: tuple[int, int], scale: float
) -> None:
    assert fitting_scale(draw_flat(*size, (0, 0, 0)), most=2.0) == pytest.approx(scale)
