"""Classifiers by description: golden pre- and post-processing, and graphs of another shape."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from modelkit.classification import ClassifierSpec
from modelkit.manifest import load_manifest
from modelkit.runtime import Runtime
from servicekit.errors import ModelNotInstalled
from tests.vision.drawn import draw_flat, draw_ramp
from tests.vision.stand_ins import make_graph
from vision.described import (
    DescribedClassifier,
    DescribedEmotions,
    DescribedLabels,
    DescribedScorer,
    prepare,
)
from vision.geometry import Box

SPECS = {entry.name: entry.classifier for entry in load_manifest("vision")}
# Of the authors' code, in their order: label 0 first.
HSEMOTION = ("Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise")


class FixedNetwork:
    """Network that always returns the same."""

    device = provider = "none"

    def __init__(self, outputs: Sequence[float]) -> None:
        self._outputs = np.array([outputs], np.float32)

    def run(self, *inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the outputs."""
        del inputs
        return [self._outputs]


def spec_of(name: str) -> ClassifierSpec:
    spec = SPECS[name]
    assert spec is not None
    return spec


def spec_of_enet() -> ClassifierSpec:
    return spec_of("enet-b2-8")


def classifier_of(graph: bytes, spec: ClassifierSpec | None = None) -> DescribedClassifier:
    return DescribedClassifier(Runtime().open(graph), spec or spec_of_enet(), name="stand-in")


def test_enet_is_prepared_as_its_authors_do() -> None:
    """Values by hand from hsemotion_onnx: (byte / 255 - mean) / std, RGB, channels first."""
    image = draw_flat(31, 57, (255, 0, 128))

    tensor = prepare(image, spec_of_enet())

    assert tensor.shape == (3, 260, 260)
    assert tensor.dtype == np.float32
    for channel, value in enumerate((2.2489083, -2.0357144, 0.4264925)):
        np.testing.assert_allclose(tensor[channel], value, atol=1e-5)


def test_enet_is_squeezed_not_cut() -> None:
    red = prepare(draw_ramp(520, 130), spec_of_enet())[0] * 0.229 + 0.485

    np.testing.assert_allclose(red[:, 0], 0, atol=0.01)
    np.testing.assert_allclose(red[:, -1], 1, atol=0.01)


def test_contempt_is_dropped_and_the_others_sum_to_one() -> None:
    assert spec_of_enet().labels == HSEMOTION
    logits = (1.0, 9.0, 0.5, -1.0, 2.0, 0.0, -0.5, 1.5)
    emotions = DescribedEmotions(classifier_of(make_graph(logits=logits)), name="stand-in")
    black = -0.485 / 0.229  # what a black face adds to Happiness

    (found,) = emotions.classify_faces(draw_flat(40, 40, (0, 0, 0)), [Box(5, 5, 30, 35)])

    shares = np.exp([1.0, 0.5, -1.0, 2.0 + black, 0.0, -0.5, 1.5])
    expected = dict(
        zip(
            ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"),
            shares / shares.sum(),
            strict=True,
        )
    )
    assert {one.name: one.confidence for one in found} == pytest.approx(expected, abs=1e-6)
    assert [one.name for one in found][:2] == ["Surprise", "Angry"]


def test_only_the_face_is_seen() -> None:
    image = draw_flat(200, 100, (0, 0, 0))
    image[20:60, 50:90, 0] = 255
    emotions = DescribedEmotions(classifier_of(make_graph()), name="stand-in")

    inside, outside = emotions.classify_faces(image, [Box(50, 20, 90, 60), Box(100, 20, 140, 60)])

    assert inside[0].name == "Happy"
    assert outside[-1].name == "Happy"


@pytest.mark.parametrize("box", [Box(-9, -9, 300, 300), Box(5, 5, 5, 5), Box(-20, -20, -5, -5)])
def test_box_may_leave_the_image(box: Box) -> None:
    emotions = DescribedEmotions(classifier_of(make_graph()), name="stand-in")

    (found,) = emotions.classify_faces(draw_flat(20, 20, (1, 2, 3)), [box])

    assert len(found) == 7


def test_no_face_has_no_emotions() -> None:
    emotions = DescribedEmotions(classifier_of(make_graph()), name="stand-in")

    assert emotions.classify_faces(draw_flat(20, 20, (1, 2, 3)), []) == []


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (make_graph(side=224), r"model stand-in does not take \(1, 3, 260, 260\) float32"),
        (make_graph(logits=(0.0,) * 7), r"returns \(1, 7\); its manifest has the labels of \(1, 8"),
    ],
)
def test_graph_of_another_shape_is_refused_in_one_line(graph: bytes, message: str) -> None:
    with pytest.raises(ModelNotInstalled, match=message) as caught:
        classifier_of(graph)

    assert "\n" not in str(caught.value)


def test_labels_that_are_no_emotions_are_refused() -> None:
    spec = ClassifierSpec(size_px=260, labels=HSEMOTION)

    with pytest.raises(ModelNotInstalled, match="must map its labels to Neutral, Happy"):
        DescribedEmotions(classifier_of(make_graph(), spec), name="stand-in")


def test_shorter_side_is_scaled_and_the_middle_taken() -> None:
    spec = ClassifierSpec(size_px=8, resized_px=10, labels=("a", "b"), fit="crop", scale=1.0)
    image = np.zeros((10, 30, 3), np.uint8)
    image[1:9, 11:19] = 200

    np.testing.assert_array_equal(prepare(image, spec), np.full((3, 8, 8), 200.0))


def test_channels_and_layout_are_as_described() -> None:
    image = draw_flat(8, 8, (10, 20, 30))
    plain = ClassifierSpec(size_px=8, labels=("a", "b"), scale=1.0)

    bgr = prepare(image, replace(plain, channels="bgr", layout="nhwc"))
    grey = prepare(image, replace(plain, channels="grey"))

    assert bgr[3, 3].tolist() == [30, 20, 10]
    assert grey.shape == (1, 8, 8)
    assert grey.mean() == 18  # .299 r + .587 g + .114 b


@pytest.mark.parametrize(
    ("activation", "outputs", "expected"),
    [
        ("sigmoid", [0.0, 20.0, -20.0], [0.5, 0.0]),
        ("none", [0.2, 0.5, 0.3], [0.4, 0.6]),
        ("softmax", [0.0, 900.0, 0.0], [0.5, 0.5]),
    ],
)
def test_activation_makes_probabilities(
    activation: str, outputs: list[float], expected: list[float]
) -> None:
    """The middle label has no name in the answer."""
    spec = ClassifierSpec(
        size_px=8,
        labels=("a", "b", "c"),
        answers={"a": "x", "c": "y"},
        activation=activation,  # type: ignore[arg-type]  # of the parameters
    )

    classifier = DescribedClassifier(FixedNetwork(outputs), spec, name="fixed")

    probabilities = classifier.of_prepared([prepare(draw_flat(8, 8, (0, 0, 0)), spec)])

    np.testing.assert_allclose(probabilities, [expected], atol=1e-6)


def test_vit_is_prepared_with_pillow_from_minus_one_to_one() -> None:
    """(byte / 255 - 0.5) / 0.5; a reduction averages, so that stripes of a pixel become grey."""
    spec = spec_of("vit-base-nsfw-detector")
    stripes = np.zeros((1536, 1536, 3), np.uint8)
    stripes[:, ::2] = 255

    tensor = prepare(draw_flat(31, 57, (255, 0, 128)), spec)
    grey = prepare(stripes, spec)

    assert tensor.shape == (3, 384, 384)
    for channel, value in enumerate((1.0, -1.0, 0.0039216)):
        np.testing.assert_allclose(tensor[channel], value, atol=1e-6)
    assert np.abs(grey[:, 8:-8, 8:-8]).max() < 0.02


def test_marqo_is_scaled_by_its_shorter_side_and_cut() -> None:
    """Source: config.json of the model: crop 1.0 of the middle, (byte / 255 - 0.5) / 0.5."""
    image = np.zeros((384, 768, 3), np.uint8)
    image[:, 192:576] = (255, 128, 0)

    tensor = prepare(image, spec_of("marqo-nsfw-384"))

    assert tensor.shape == (3, 384, 384)
    for channel, value in enumerate((1.0, 0.0039216, -1.0)):
        np.testing.assert_allclose(tensor[channel], value, atol=1e-6)
    assert spec_of("marqo-nsfw-384").columns == {"nude": [0], "safe": [1]}


def test_vit_scores_by_its_second_class() -> None:
    spec = spec_of("vit-base-nsfw-detector")
    graph = make_graph(side=384, logits=(0.5, 0.0), reddened=1)
    scorer = DescribedScorer(classifier_of(graph, spec), name="stand-in")
    images = [draw_flat(50, 40, (255, 0, 0)), draw_flat(50, 40, (0, 0, 0))]

    scores = scorer.score_all([scorer.prepare(image) for image in images])

    # Red adds 1, black -1: 1 / (1 + e^(0.5 - red)).
    assert [one.nude for one in scores] == pytest.approx([0.6224593, 0.1824255], abs=1e-6)
    assert {(one.suggestive, one.classes) for one in scores} == {(None, ())}


def test_classes_with_severity_are_joined_and_kept() -> None:
    """A dropped class counts nowhere; explicit and suggestive are sums of the model's own."""
    labels = ("drawings", "hentai", "neutral", "porn", "sexy", "broken")
    answers = {"drawings": "none", "neutral": "none", "sexy": "suggestive"}
    spec = ClassifierSpec(
        size_px=8,
        labels=labels,
        answers={**answers, "hentai": "explicit", "porn": "explicit"},
        activation="none",
    )
    network = FixedNetwork([0.05, 0.1, 0.15, 0.2, 0.3, 0.2])
    scorer = DescribedScorer(DescribedClassifier(network, spec, name="x"), name="x")

    (score,) = scorer.score_all([scorer.prepare(draw_flat(8, 8, (0, 0, 0)))])

    assert (score.nude, score.suggestive) == pytest.approx((0.375, 0.75))
    names, shares = zip(*score.classes, strict=True)
    assert names == ("sexy", "porn", "neutral", "hentai", "drawings")
    assert shares == pytest.approx((0.375, 0.25, 0.1875, 0.125, 0.0625))


def test_labels_without_nude_are_refused() -> None:
    spec = ClassifierSpec(size_px=260, labels=HSEMOTION)

    with pytest.raises(ModelNotInstalled, match="must map its labels to nude and safe"):
        DescribedScorer(classifier_of(make_graph(), spec), name="stand-in")


def test_convnext_is_squeezed_with_pillow_and_named_as_imagenet() -> None:
    """(byte / 255 - mean) / std of ImageNet, RGB, bicubic without a cut."""
    spec = spec_of("convnext-base-384")
    graph = make_graph(side=384, logits=(0.0,) * 999 + (9.0,))
    classifier = DescribedLabels(classifier_of(graph, spec))

    tensor = prepare(draw_flat(31, 57, (255, 0, 128)), spec)
    red = prepare(draw_ramp(768, 192), spec)[0] * 0.229 + 0.485
    (confidences,) = classifier.confidences([classifier.prepare(draw_flat(9, 9, (0, 0, 0)))])

    for channel, value in enumerate((2.2489083, -2.0357144, 0.4264925)):
        np.testing.assert_allclose(tensor[channel], value, atol=1e-5)
    np.testing.assert_allclose(red[:, 0], 0, atol=0.01)
    np.testing.assert_allclose(red[:, -1], 1, atol=0.01)
    assert classifier.labels(confidences, limit=1)[0].tag.startswith("toilet tissue")
    assert confidences.sum() == pytest.approx(1, abs=1e-5)
