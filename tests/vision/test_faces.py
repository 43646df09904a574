"""Face detection: the sequence of looks, and both networks on drawn and old photos."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.manifest import find_model, load_manifest
from modelkit.runtime import Runtime
from tests.vision.drawn import draw_face, draw_flat
from vision.centerface import CenterFace
from vision.faces import (
    MOST_FACES,
    TILE_OVERLAP_PX,
    TILE_PX,
    Candidates,
    FaceDetector,
    Looks,
    keep_distinct,
    tile_starts,
)
from vision.geometry import Box, unturned
from vision.yunet import Yunet

LARGE = draw_flat(3000, 2000, (0, 0, 0))
NOTHING: list[tuple[float, ...]] = []


class ScriptedNetwork:
    """Network with scripted candidates: for each look rows of four corners and a score."""

    looks = Looks(sides_px=(300, 600, 1200), doubtful=0.2, accepted=0.4, sure=0.6)

    def __init__(self, *answers: Sequence[tuple[float, ...]]) -> None:
        self.answers = list(answers)
        self.sizes: list[tuple[int, ...]] = []

    def look(self, image: RgbImage) -> Candidates:
        """Answer with the next rows."""
        self.sizes.append(image.shape[:2])
        return candidates(self.answers.pop(0))


def candidates(rows: Sequence[tuple[float, ...]]) -> Candidates:
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Candidates(table[:, :4], table[:, 4])


@pytest.fixture(scope="module")
def centerface() -> CenterFace:
    entries = load_manifest("vision")
    found = find_model(entries, "faces", models_dir=Path("unused"), profile="embedded")
    return CenterFace(found.path, Runtime())


@pytest.fixture(scope="module")
def yunet(shared_dir: Path) -> Yunet:
    return Yunet(shared_dir / "models" / "yunet_n_640_640.onnx", Runtime())


@pytest.fixture(params=["centerface", "yunet"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    return FaceDetector(request.getfixturevalue(request.param))


def old_photo(shared_dir: Path, name: str) -> RgbImage:
    content = (shared_dir / "eval" / "old-photos" / name).read_bytes()
    return decode_image(content, ImageLimits()).pixels


def test_one_look_is_enough_for_a_sure_face() -> None:
    network = ScriptedNetwork([(10, 20, 30, 45, 0.9)])

    boxes = FaceDetector(network).find(LARGE)

    assert boxes == [Box(100, 200, 300, 450)]
    assert network.sizes == [(200, 300)]


@pytest.mark.parametrize(
    "first",
    [NOTHING, [(10, 20, 30, 45, 0.9), (50, 50, 90, 90, 0.3)], [(10, 20, 30, 43, 0.8)]],
)
def test_nothing_doubt_or_a_small_face_asks_for_a_second_look(
    first: list[tuple[float, ...]],
) -> None:
    network = ScriptedNetwork(first, [(20, 40, 60, 90, 0.9)])

    boxes = FaceDetector(network).find(LARGE)

    assert boxes == [Box(100, 200, 300, 450)]
    assert network.sizes == [(200, 300), (400, 600)]


def test_second_look_that_sees_nothing_is_the_last() -> None:
    network = ScriptedNetwork(NOTHING, NOTHING)

    assert FaceDetector(network).find(LARGE) == []
    assert len(network.sizes) == 2


def test_crowd_gets_a_third_look_and_every_face_of_all_looks() -> None:
    network = ScriptedNetwork(
        [(10, 20, 30, 45, 0.9), (50, 50, 60, 60, 0.5)],
        [(200, 100, 220, 120, 0.5)],
        [(40, 80, 120, 180, 0.8), (800, 100, 840, 150, 0.45), (900, 100, 940, 150, 0.39)],
    )

    boxes = FaceDetector(network).find(LARGE)

    # Twice accepted is once boxed; the doubt of the first look, confirmed by none, is dropped.
    assert boxes == [Box(100, 200, 300, 450), Box(1000, 500, 1100, 600), Box(2000, 250, 2100, 375)]
    assert network.sizes[2] == (800, 1200)


def test_large_thing_in_doubt_gets_no_third_look() -> None:
    network = ScriptedNetwork(NOTHING, [(200, 100, 240, 150, 0.5)])

    assert FaceDetector(network).find(LARGE) == [Box(1000, 500, 1200, 750)]
    assert len(network.sizes) == 2


def test_image_with_room_for_one_look_keeps_what_it_accepts() -> None:
    network = ScriptedNetwork([(10, 20, 30, 45, 0.5)])

    assert FaceDetector(network).find(draw_flat(100, 80, (0, 0, 0))) == [Box(5, 10, 15, 22)]
    assert network.sizes == [(160, 200)]


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 65_535), (65_535, 1), (7, 3000), (5000, 5000), (300, 65_535)]
)
def test_no_look_is_larger_than_its_side(size: tuple[int, int]) -> None:
    doubt = [(0.0, 0.0, 1.0, 1.0, 0.3)]
    network = ScriptedNetwork(doubt, doubt, doubt)

    FaceDetector(network).find(draw_flat(*size, (0, 0, 0)))

    assert max(max(looked) for looked in network.sizes) <= 1200
    assert min(min(looked) for looked in network.sizes) >= 1


def test_boxes_are_cut_to_the_image_and_those_outside_dropped() -> None:
    rows = [(-10, -5, 40, 45, 0.9), (270, 160, 330, 240, 0.8), (310, 0, 350, 50, 0.7)]

    boxes = FaceDetector(ScriptedNetwork(rows)).find(LARGE)

    assert boxes == [Box(0, 0, 400, 450), Box(2700, 1600, 3000, 2000)]


def test_of_two_boxes_on_one_face_the_better_stays() -> None:
    overlapping = candidates([(15, 12, 55, 52, 0.6), (10, 10, 50, 50, 0.7)])
    nested = candidates([(20, 20, 30, 30, 0.6), (10, 10, 50, 50, 0.7)])

    assert keep_distinct(overlapping).corners.tolist() == [[10, 10, 50, 50]]
    assert keep_distinct(nested).corners.tolist() == [[10, 10, 50, 50]]


def test_neighboring_faces_both_stay() -> None:
    neighbors = candidates([(45, 10, 85, 50, 0.6), (10, 10, 50, 50, 0.7)])

    assert len(keep_distinct(neighbors)) == 2


def test_image_papered_with_faces_is_bounded() -> None:
    rows = [(x, y, x + 4.0, y + 4.0, 0.5) for x in range(0, 600, 5) for y in range(0, 600, 5)]

    assert len(keep_distinct(candidates(rows))) == MOST_FACES


@pytest.mark.parametrize("side", [100, 400, 2000])
def test_drawn_face_is_found_at_its_place(detector: FaceDetector, side: int) -> None:
    (box,) = detector.find(draw_face(side))

    corners = [box.left / side, box.top / side, box.right / side, box.bottom / side]
    assert corners == pytest.approx([0.3, 0.28, 0.69, 0.79], abs=0.07)


def test_centerface_answers_as_it_did(centerface: CenterFace) -> None:
    seen = keep_distinct(centerface.look(draw_face(400)[:, :350]))

    assert seen.corners[0].tolist() == pytest.approx([114.2, 96.4, 281.8, 315.5], abs=0.5)
    assert seen.scores[0] == pytest.approx(0.841, abs=0.01)


def test_yunet_answers_as_opencv_runs_it(yunet: Yunet, shared_dir: Path) -> None:
    photo = old_photo(shared_dir, "1890BostonHospital.jpg")[:640, :640]
    file = str(shared_dir / "models" / "yunet_n_640_640.onnx")
    reference = cv2.FaceDetectorYN.create(file, "", (640, 640), 0.7, 1.0, 5000)

    seen = yunet.look(photo)

    _, rows = reference.detect(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
    expected = np.asarray(rows, np.float64)[np.argsort(-rows[:, 14], kind="stable")]
    order = np.argsort(-seen.scores, kind="stable")[: len(expected)]
    assert seen.scores[order] == pytest.approx(expected[:, 14], abs=1e-5)
    sizes = seen.corners[order, 2:] - seen.corners[order, :2]
    assert np.hstack([seen.corners[order, :2], sizes]) == pytest.approx(expected[:, :4], abs=1e-2)


@pytest.mark.parametrize("size", [(640, 480), (1, 1), (1, 3000), (3000, 1), (7, 5)])
def test_image_without_a_face_has_no_box(detector: FaceDetector, size: tuple[int, int]) -> None:
    assert detector.find(draw_flat(*size, (90, 110, 140))) == []


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("1860Girls.jpg", 3),
        ("1870sSphinx.jpg", 0),
        ("1890sPingPong.jpg", 6),
        ("1895BikeMaidens.jpg", 3),
        ("1899SodaFountain.jpg", 4),
        ("1916Sweeden.jpg", 2),
    ],
)
def test_centerface_finds_every_face_of_old_photos_once(
    centerface: CenterFace, shared_dir: Path, name: str, count: int
) -> None:
    assert len(FaceDetector(centerface).find(old_photo(shared_dir, name))) == count


def test_faces_of_a_crowd_are_found(detector: FaceDetector, shared_dir: Path) -> None:
    """Of about forty-five; some look down or away."""
    assert len(detector.find(old_photo(shared_dir, "1890BostonHospital.jpg"))) >= 34


def test_ten_small_faces_of_a_large_photo_are_found(centerface: CenterFace) -> None:
    """Drawn faces are half as wide as their image."""
    side = 37
    photo = draw_flat(3000, 2000, (90, 110, 140)).copy()
    face = draw_face(2 * side)
    places = [(300 + 550 * column, 400 + 900 * row) for row in range(2) for column in range(5)]
    for left, top in places:
        photo[top : top + 2 * side, left : left + 2 * side] = face
    detector = FaceDetector(centerface)

    assert detector.find(photo) == []
    boxes = detector.find_small(photo)

    middles = [(left + side, top + side) for left, top in places]
    assert len(boxes) == len(places)
    for x, y in middles:
        assert any(box.left < x < box.right and box.top < y < box.bottom for box in boxes)


@pytest.mark.parametrize("size", [(300, 200), (1200, 900)])
def test_small_photo_is_not_looked_at_in_tiles(size: tuple[int, int]) -> None:
    network = ScriptedNetwork()

    assert FaceDetector(network).find_small(draw_flat(*size, (0, 0, 0))) == []
    assert network.sizes == []


def test_first_closer_look_that_finds_nothing_is_the_last() -> None:
    network = ScriptedNetwork(NOTHING, [(0, 0, 9, 9, 0.3)])

    assert FaceDetector(network).find_small(LARGE) == []
    assert network.sizes == [(1280, 1280)] * 2


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_box_of_a_turned_image_has_its_place_in_the_image(quarters: int) -> None:
    image = np.zeros((30, 50), np.uint8)
    image[4:9, 20:41] = 1
    turned = np.rot90(image, quarters)
    rows, columns = np.nonzero(turned)
    box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)

    assert unturned(box, quarters, (50, 30)) == Box(20, 4, 41, 9)


@pytest.mark.parametrize("side", [1, 1280, 1281, 1920, 2560, 3840])
def test_tiles_cover_a_side_and_overlap(side: int) -> None:
    starts = tile_starts(side)

    ends = [start + TILE_PX for start in starts]
    assert starts[0] == 0
    assert ends[-1] >= side
    assert all(end - start >= TILE_OVERLAP_PX for end, start in zip(ends, starts[1:], strict=False))
