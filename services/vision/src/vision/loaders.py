"""Load the models of the service as its settings choose them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from modelkit.devices import Device, open_device
from modelkit.images import RgbImage
from modelkit.loading import LoadedModel
from modelkit.manifest import InstalledModel, ModelEntry, find_model
from vision.centerface import CenterFace
from vision.classifier import ResidualClassifier
from vision.emotions import Emotion, EmotionClassifier
from vision.faces import FaceDetector
from vision.geometry import Box
from vision.labels import Classifier
from vision.mobilenet import MobilenetClassifier
from vision.nudity import NudityScorer
from vision.settings import VisionSettings
from vision.yunet import Yunet

_FACE_NETWORKS: dict[str, type[CenterFace | Yunet]] = {"centerface": CenterFace, "yunet": Yunet}
_BLANK: RgbImage = np.zeros((64, 64, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class FaceReader:
    """What finds faces together with what reads their expressions; owned by one thread."""

    faces: LoadedModel[FaceDetector]
    emotions: EmotionClassifier

    def read(self, image: RgbImage) -> list[tuple[Box, list[Emotion]]]:
        """Return each face, from left to right, with all seven emotions, the likeliest first.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
        """
        boxes = self.faces.model.find(image)
        return list(zip(boxes, self.emotions.classify_faces(image, boxes), strict=True))


def use_threads(threads: int) -> None:
    """Let each model compute with so many processor threads.

    The models that ONNX Runtime runs are told when they are loaded.
    """
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


def load_classifier(
    settings: VisionSettings, entries: Sequence[ModelEntry]
) -> LoadedModel[Classifier]:
    """Load the classifier.

    Raises:
        NotInstalled: Its file, or the device that it is to run on, is not there.
    """
    found = _find("classify", settings, entries)
    if found.path.suffix == ".tflite":
        mobilenet = MobilenetClassifier(found.path, threads=settings.threads)
        return LoadedModel(mobilenet, found.entry, "cpu")
    device = _open_device(settings)
    classifier = ResidualClassifier(found.path, device=device)
    classifier.classify(_BLANK)  # so that no caller waits until a GPU has its kernels
    return LoadedModel(classifier, found.entry, device.name)


def load_face_reader(
    settings: VisionSettings, entries: Sequence[ModelEntry]
) -> LoadedModel[FaceReader]:
    """Load the emotion model and the face detector.

    Raises:
        NotInstalled: A file, or the device that the emotion model is to run on, is not there.
    """
    found = _find("emotions", settings, entries)
    device = _open_device(settings)
    emotions = EmotionClassifier(found.path, device=device)
    emotions.classify_face(_BLANK, Box(0, 0, *_BLANK.shape[:2]))  # as above
    faces = _load_face_detector(settings, entries)
    return LoadedModel(FaceReader(faces, emotions), found.entry, device.name, parts=(faces,))


def load_nudity_scorer(
    settings: VisionSettings, entries: Sequence[ModelEntry]
) -> LoadedModel[NudityScorer]:
    """Load the nudity model.

    Raises:
        NotInstalled: Its file is not there.
    """
    found = _find("nudity", settings, entries)
    return LoadedModel(NudityScorer(found.path, threads=settings.threads), found.entry, "cpu")


def _load_face_detector(
    settings: VisionSettings, entries: Sequence[ModelEntry]
) -> LoadedModel[FaceDetector]:
    found = _find("faces", settings, entries)
    network = _FACE_NETWORKS[found.entry.name](found.path, threads=settings.threads)
    return LoadedModel(FaceDetector(network), found.entry, "cpu")


def _open_device(settings: VisionSettings) -> Device:
    return open_device(
        settings.device,
        precision=settings.precision,
        memory_fraction=settings.gpu_memory_fraction,
    )


def _find(task: str, settings: VisionSettings, entries: Sequence[ModelEntry]) -> InstalledModel:
    return find_model(entries, task, models_dir=settings.models_dir, profile=settings.profile)
