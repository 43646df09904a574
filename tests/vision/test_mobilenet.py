"""The standard classifier: what it cuts from a photo and, where its file is, what it answers."""

import csv
import json
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.images import RgbImage, encode_image
from modelkit.manifest import load_manifest
from modelkit.pull import pull_model
from tests.vision.test_service import running
from vision.mobilenet import MobilenetClassifier, cut_middle


@pytest.fixture(scope="module")
def models_dir(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the standard classifier, pulled from a mirror folder."""
    folder = tmp_path_factory.mktemp("models")
    entry = next(entry for entry in load_manifest("vision") if entry.name == "mobilenet-edgetpu")
    mirror = str(shared_dir / "models")
    pull_model(entry, models_dir=folder, mirror=mirror, progress=lambda _: None)
    return folder


@pytest.fixture(scope="module")
def classifier(models_dir: Path) -> MobilenetClassifier:
    return MobilenetClassifier(next(models_dir.rglob("*.tflite")), threads=1)


def stripes(height: int, width: int) -> RgbImage:
    """Draw a photo with a red left, a green middle and a blue right third."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    for channel, part in enumerate(np.array_split(np.arange(width), 3)):
        image[:, part, channel] = 255
    return image


def test_middle_square_is_cut() -> None:
    middle = cut_middle(stripes(100, 300))

    assert middle.shape == (224, 224, 3)
    assert middle.dtype == np.uint8
    assert middle[:, 2:-2].reshape(-1, 3).mean(axis=0) == pytest.approx([0, 255, 0], abs=1)


def test_photo_is_reduced_with_antialiasing() -> None:
    fine = np.zeros((896, 896, 3), dtype=np.uint8)
    fine[:, ::2] = 255

    middle = cut_middle(fine)

    assert middle[:, 2:-2].astype(float) == pytest.approx(np.full((224, 220, 3), 127.5), abs=2)


def test_tags_are_the_thousand_of_imagenet() -> None:
    tags = json.loads(files("vision").joinpath("imagenet.tags.json").read_text(encoding="utf-8"))

    assert len(tags) == 1000
    assert tags[0] == "tench, Tinca tinca"
    assert tags[999] == "toilet tissue, toilet paper, bathroom tissue"


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (224, 224), (500, 300)])
def test_any_shape_gets_all_labels_sorted(
    classifier: MobilenetClassifier, shape: tuple[int, int]
) -> None:
    labels = classifier.classify(stripes(*shape))

    confidences = [label.confidence for label in labels]
    assert len(labels) == 1000
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1)


async def test_pulled_classifier_names_photos_through_the_service(
    models_dir: Path, shared_dir: Path
) -> None:
    folder = shared_dir / "eval" / "photos"
    with (folder / "photos.tsv").open(newline="", encoding="utf-8") as table:
        truths = {row["file"]: row["label"] for row in csv.DictReader(table, delimiter="\t")}
    right = 0

    async with running(models_dir) as channel:
        with zipfile.ZipFile(folder / "photos.zip") as photos:
            for name, label in truths.items():
                request = pb.ClassifyRequest(image=photos.read(name), limit=1)
                answer = await rpc.VisionServiceStub(channel).Classify(request)
                assert answer.model.name == "mobilenet-edgetpu"
                right += answer.labels[0].tag == label

    assert right / len(truths) >= 0.88


async def test_embedded_profile_passes_the_pulled_classifier_by(models_dir: Path) -> None:
    request = pb.ClassifyRequest(image=_png(stripes(64, 64)))

    async with running(models_dir, profile="embedded") as channel:
        answer = await rpc.VisionServiceStub(channel).Classify(request)

    assert answer.model.name == "tiny-classifier"


def _png(image: RgbImage) -> bytes:
    return encode_image(image, "image/png")
