"""Descriptions of classifiers in a manifest."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from modelkit.classification import ClassifierSpec
from modelkit.manifest import InvalidManifestError, parse_manifest

ENTRY = """
[[model]]
name = "pets"
version = "1.0"
task = "classify"
profile = "standard"
file = "pets.onnx"
licence = "MIT"
source = "made in a test"
card = "README.md"
url = "https://example.com/pets.onnx"

[model.classifier]
size_px = 224
labels = ["cat", "dog", "hamster"]
"""


def described(**fields: Any) -> ClassifierSpec:  # Any: fields of every type
    values = {"size_px": 8, "labels": ["cat", "dog", "tomcat"], **fields}
    return TypeAdapter(ClassifierSpec).validate_python(values)


def test_manifest_describes_a_classifier() -> None:
    (entry,) = parse_manifest(ENTRY, "vision")

    assert entry.classifier is not None
    assert entry.classifier.input_shape == (3, 224, 224)
    assert entry.classifier.columns == {"cat": [0], "dog": [1], "hamster": [2]}
    assert hash(entry) == hash(parse_manifest(ENTRY, "vision")[0])


def test_labels_of_one_answer_share_it_and_the_others_are_dropped() -> None:
    spec = described(answers={"cat": "feline", "tomcat": "feline"})

    assert spec.columns == {"feline": [0, 2]}


def test_labels_may_be_a_file_beside_the_manifest() -> None:
    text = ENTRY.replace('["cat", "dog", "hamster"]', '"imagenet.tags.json"')

    (entry,) = parse_manifest(text, "vision")

    assert entry.classifier is not None
    assert len(entry.classifier.labels) == 1000
    assert entry.classifier.columns["crane"] == [134, 517]  # the bird and the machine
    with pytest.raises(InvalidManifestError, match=r"no labels in tags.json"):
        parse_manifest(text.replace("imagenet.tags", "tags"), "vision")


def test_layout_and_channels_shape_the_input() -> None:
    assert described(layout="nhwc", channels="grey").input_shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"answers": {"cow": "cow"}}, "answers has no label cow"),
        ({"resized_px": 7}, "resized_px is smaller than size_px"),
        ({"mean": [0.5, 0.5]}, "mean and std have one value, or one for each channel"),
        ({"channels": "grey", "std": [1, 1, 1]}, "mean and std have one value"),
        ({"std": [0]}, "greater than 0"),
        ({"activation": "relu"}, "'softmax', 'sigmoid' or 'none'"),
        ({"sise_px": 8}, "Unexpected keyword"),
    ],
)
def test_wrong_description_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        described(**fields)
