"""Faces as the emotion classifier cuts them, and answers of its weights."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from modelkit.torch_network import load_module
from vision.emotions import EMOTIONS, EmotionClassifier, cut_face
from vision.geometry import Box
from vision.networks import normalize_faces

GRAPH = Path(str(files("vision") / "weights" / "emotions.onnx"))


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    return EmotionClassifier(Runtime().open(GRAPH))


def steps(height: int, width: int) -> RgbImage:
    """Draw grey that is the number of its column."""
    return np.broadcast_to(
        np.arange(width, dtype=np.uint8)[None, :, None], (height, width, 3)
    ).copy()


def smile() -> RgbImage:
    """Draw a light disc with two eyes and an open, upturned mouth."""
    rows, columns = np.mgrid[0:120, 0:120] - 60
    image = np.full((120, 120, 3), 60, dtype=np.uint8)
    image[rows**2 + columns**2 < 50**2] = 200
    image[(rows + 16) ** 2 + (np.abs(columns) - 18) ** 2 < 36] = 30
    mouth = (rows**2 + columns**2 < 34**2) & (rows > 10)
    image[mouth] = (235, 235, 235)
    image[mouth & (rows**2 + columns**2 > 30**2)] = 40
    return image


def test_face_of_the_network_s_size_is_cut_unchanged() -> None:
    face = cut_face(steps(48, 48), Box(2, 2, 46, 46))

    assert np.array_equal(face, steps(48, 48)[..., 0])


def test_margin_is_a_twentieth_on_each_side_of_the_longer_side() -> None:
    face = cut_face(steps(200, 200), Box(60, 46, 120, 133))

    # The square is 96 px wide around column 90: columns 42 to 137, two of them to a pixel.
    assert face[24, [0, 24, 47]].tolist() == pytest.approx([42, 90, 137], abs=1)


def test_what_lies_outside_the_image_repeats_its_edge() -> None:
    face = cut_face(steps(48, 48), Box(-44, 2, 0, 46))

    assert face.max() <= 4


def test_color_becomes_grey_by_the_weights_of_the_eye() -> None:
    green = np.zeros((48, 48, 3), dtype=np.uint8)
    green[..., 1] = 255

    assert cut_face(green, Box(2, 2, 46, 46)).mean() == pytest.approx(150, abs=1)


def test_faces_are_numbered_about_their_own_mean() -> None:
    faces = torch.tensor([[10, 20], [30, 40]], dtype=torch.uint8).view(1, 1, 2, 2)

    numbers = normalize_faces(faces).flatten().tolist()

    assert numbers == pytest.approx([-1.1619, -0.3873, 0.3873, 1.1619], abs=1e-4)


def test_flat_face_is_all_zero() -> None:
    assert normalize_faces(torch.full((1, 1, 48, 48), 77.0)).abs().max().item() < 1e-4


@pytest.mark.parametrize(
    "box", [Box(0, 0, 120, 120), Box(20, 30, 21, 31), Box(-50, -50, 300, 200), Box(5, 5, 5, 5)]
)
def test_any_box_gets_all_seven_emotions_sorted(classifier: EmotionClassifier, box: Box) -> None:
    image = smile()
    image.setflags(write=False)

    emotions = classifier.classify_face(image, box)

    confidences = [emotion.confidence for emotion in emotions]
    assert {emotion.name for emotion in emotions} == set(EMOTIONS)
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=1e-5)


def test_many_faces_together_get_the_emotions_they_get_alone(
    classifier: EmotionClassifier,
) -> None:
    """More than the network sees at once."""
    boxes = [Box(11 + n, 11, 109, 109 - n) for n in range(40)]

    together = classifier.classify_faces(smile(), boxes)

    assert len(together) == 40
    for box, emotions in zip(boxes, together, strict=True):
        alone = {one.name: one.confidence for one in classifier.classify_face(smile(), box)}
        assert {one.name: one.confidence for one in emotions} == pytest.approx(alone, abs=1e-5)


def test_no_face_has_no_emotions(classifier: EmotionClassifier) -> None:
    assert classifier.classify_faces(smile(), []) == []


def test_shipped_weights_answer_as_they_did(classifier: EmotionClassifier) -> None:
    """Numbers of the weights of the card; only new weights may change them."""
    emotions = classifier.classify_face(smile(), Box(11, 11, 109, 109))

    best = emotions[:3]
    assert [emotion.name for emotion in best] == ["Surprise", "Happy", "Neutral"]
    confidences = [emotion.confidence for emotion in best]
    assert confidences == pytest.approx([0.319, 0.297, 0.164], abs=0.01)


def test_torch_answers_as_the_graph_does() -> None:
    faces = np.stack([cut_face(smile(), Box(11 + n, 11, 109, 109)) for n in (0, 9)])[:, np.newaxis]
    module = load_module(GRAPH, "vision.networks:EmotionNetwork").eval()

    with torch.inference_mode():
        answer = module(torch.from_numpy(faces)).numpy()

    (expected,) = Runtime().open(GRAPH).run(faces)
    np.testing.assert_allclose(answer, expected, atol=1e-4)
