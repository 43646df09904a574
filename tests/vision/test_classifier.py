"""The classifier: what it cuts from a photo, how it numbers pixels, what its weights answer."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from modelkit.devices import Device
from modelkit.images import RgbImage
from vision.classifier import ResidualClassifier, cut_squares, normalise_pictures

WEIGHTS = Path(str(files("vision") / "weights" / "classify.safetensors"))


needs_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture(scope="module")
def classifier() -> ResidualClassifier:
    return ResidualClassifier(WEIGHTS, device=Device())


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


def test_nearly_square_photo_is_seen_in_its_middle() -> None:
    squares = cut_squares(gradient(100, 110))

    assert squares.shape == (1, 64, 64, 3)
    assert squares[0, 0, 0, 0] == pytest.approx(255 * 5 / 109, abs=3)


@pytest.mark.parametrize(
    ("shape", "channel", "levels"),
    [
        ((64, 96), 0, [85, 170]),
        ((96, 64), 1, [85, 170]),
        ((64, 192), 0, [42, 127.5, 213]),
        ((192, 64), 1, [42, 127.5, 213]),
    ],
)
def test_long_photo_is_seen_at_its_ends_and_a_very_long_one_in_between(
    shape: tuple[int, int], channel: int, levels: list[float]
) -> None:
    squares = cut_squares(gradient(*shape))

    means = squares[..., channel].mean(axis=(1, 2))
    assert means == pytest.approx(levels, abs=1)


def test_squares_are_reduced_with_antialiasing() -> None:
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 255

    squares = cut_squares(stripes)

    inner = squares[:, :, 2:-2].astype(float)
    assert inner == pytest.approx(np.full((1, 64, 60, 3), 127.5), abs=2)


def test_pixels_are_numbered_as_in_training() -> None:
    pictures = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1)

    numbers = normalise_pictures(pictures).flatten().tolist()

    assert numbers == pytest.approx([-1.6667, 0.1924, 2.0370], abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (64, 64), (300, 200)])
def test_any_shape_gets_all_labels_sorted(
    classifier: ResidualClassifier, shape: tuple[int, int]
) -> None:
    labels = classifier.classify(gradient(*shape))

    confidences = [label.confidence for label in labels]
    assert len({label.tag for label in labels}) == 200
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=1e-4)


def test_read_only_pixels_are_accepted(classifier: ResidualClassifier) -> None:
    image = gradient(64, 64)
    image.setflags(write=False)

    assert len(classifier.classify(image)) == 200


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_photos_classified_together_get_the_labels_they_get_alone(precision: str) -> None:
    """One, two and three squares each; the long ones must not get a neighbour's."""
    classifier = ResidualClassifier(WEIGHTS, device=Device("cpu", precision))
    images = [goldfish(), gradient(64, 100), gradient(200, 64), gradient(64, 64), goldfish()[::-1]]

    together = classifier.classify_all([classifier.prepare(image) for image in images])

    for image, labels in zip(images, together, strict=True):
        assert labels == classifier.classify(image)


def test_tags_are_in_the_order_of_the_classes() -> None:
    tags = json.loads(WEIGHTS.with_suffix(".tags.json").read_text(encoding="utf-8"))

    assert tags[0] == "goldfish, Carassius auratus"
    assert tags[4] == "American alligator, Alligator mississipiensis"
    assert len(tags) == 200


def test_shipped_weights_answer_as_they_did(classifier: ResidualClassifier) -> None:
    """Numbers of the weights of the card; only new weights may change them."""
    best = classifier.classify(goldfish())[:3]

    assert [label.tag for label in best] == ["goldfish, Carassius auratus", "orange", "jellyfish"]
    assert [label.confidence for label in best] == pytest.approx([0.467, 0.163, 0.087], abs=0.01)


@pytest.mark.parametrize(
    ("kind", "precision"),
    [
        ("cpu", "bfloat16"),
        pytest.param("cuda", "float32", marks=needs_gpu),
        pytest.param("cuda", "bfloat16", marks=needs_gpu),
        pytest.param("cuda", "float16", marks=needs_gpu),
    ],
)
def test_every_device_and_precision_answers_nearly_alike(
    classifier: ResidualClassifier, kind: str, precision: str
) -> None:
    """Of 5,000 photos none has a confidence that is further off."""
    other = ResidualClassifier(WEIGHTS, device=Device(kind, precision))
    images = [goldfish(), gradient(64, 100), gradient(200, 64)]

    for image in images:
        expected = {label.tag: label.confidence for label in classifier.classify(image)}
        labels = {label.tag: label.confidence for label in other.classify(image)}
        assert labels == pytest.approx(expected, abs=0.03)
        assert labels != expected
