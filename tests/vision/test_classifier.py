"""Squares that the classifier cuts from a photo, and answers of the published weights."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from modelkit.torch_network import load_module
from vision.classifier import ImageNetClassifier, cut_squares

GRAPH = Path(str(files("vision") / "weights" / "imagenet.onnx"))


@pytest.fixture(scope="module")
def classifier() -> ImageNetClassifier:
    return ImageNetClassifier(Runtime().open(GRAPH))


def gradient(height: int, width: int) -> RgbImage:
    """Draw red rising to the right, green rising downwards, blue at 128."""
    image = np.full((height, width, 3), 128, dtype=np.uint8)
    image[..., 0] = np.linspace(0, 255, width).round()
    image[..., 1] = np.linspace(0, 255, height).round()[:, None]
    return image


def goldfish() -> RgbImage:
    """Draw an orange ellipse with a tail in blue water."""
    rows, columns = np.mgrid[0:96, 0:128]
    image = np.full((96, 128, 3), (30, 90, 160), dtype=np.uint8)
    body = ((columns - 60) / 36) ** 2 + ((rows - 48) / 20) ** 2 < 1
    tail = (columns > 88) & (columns < 118) & (np.abs(rows - 48) < (columns - 84) * 0.7)
    image[body | tail] = (250, 130, 30)
    image[(columns - 40) ** 2 + (rows - 44) ** 2 < 10] = 10
    return image


def test_photo_is_squeezed_into_a_square() -> None:
    squares = cut_squares(gradient(240, 420))

    assert squares.shape == (1, 240, 240, 3)
    assert squares[0, 0, [0, -1], 0] == pytest.approx([0, 255], abs=3)
    assert squares[0, [0, -1], 0, 1] == pytest.approx([0, 255], abs=3)


@pytest.mark.parametrize(("shape", "channel"), [((240, 720), 0), ((720, 240), 1)])
def test_long_photo_is_seen_at_its_ends_and_in_between(
    shape: tuple[int, int], channel: int
) -> None:
    means = cut_squares(gradient(*shape))[..., channel].mean(axis=(1, 2))

    assert means == pytest.approx([42, 127.5, 213], abs=1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (64, 64), (300, 200)])
def test_any_shape_gets_all_labels_sorted(
    classifier: ImageNetClassifier, shape: tuple[int, int]
) -> None:
    image = gradient(*shape)
    image.setflags(write=False)

    labels = classifier.classify(image)

    confidences = [label.confidence for label in labels]
    assert len(labels) == 1000
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=1e-4)


def test_photos_classified_together_get_the_labels_they_get_alone(
    classifier: ImageNetClassifier,
) -> None:
    """One or three squares each; the long ones must not get a neighbor's."""
    images = [goldfish(), gradient(64, 100), gradient(200, 64), gradient(64, 64), goldfish()[::-1]]

    together = classifier.confidences([cut_squares(image) for image in images])

    for image, confidences in zip(images, together, strict=True):
        (alone,) = classifier.confidences([cut_squares(image)])
        assert confidences == pytest.approx(alone, abs=1e-5)


def test_shipped_weights_answer_as_they_did(classifier: ImageNetClassifier) -> None:
    """Numbers of the weights of the card, which take the drawing for a balloon."""
    best = classifier.classify(goldfish())[:2]

    assert [label.tag for label in best] == ["balloon", "pinwheel"]
    assert [label.confidence for label in best] == pytest.approx([0.410, 0.222], abs=0.01)


def test_torch_answers_as_the_graph_does() -> None:
    squares = np.concatenate([cut_squares(goldfish()), cut_squares(gradient(300, 200))])
    module = load_module(GRAPH, "vision.networks:ImageNetNetwork").eval()

    with torch.inference_mode():
        answer = module(torch.from_numpy(squares)).numpy()

    (expected,) = Runtime().open(GRAPH).run(squares)
    np.testing.assert_allclose(answer, expected, atol=1e-4)
