"""Loaders of the models of the service."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from modelkit.classification import ClassifierSpec
from modelkit.images import RgbImage
from modelkit.loading import LoadedModel, loaded_model
from modelkit.manifest import InstalledModel, ModelEntry, find_model
from modelkit.published import open_installed
from modelkit.runtime import Network, Runtime
from vision.centerface import CenterFace
from vision.classifier import ImageNetClassifier, PhotoClassifier
from vision.described import (
    DescribedClassifier,
    DescribedEmotions,
    DescribedLabels,
    DescribedScorer,
)
from vision.emotions import Emotion, EmotionClassifier, FaceClassifier
from vision.faces import FaceDetector
from vision.geometry import Box, unturned
from vision.nudity import NudityScorer, PhotoScorer
from vision.settings import VisionSettings
from vision.yunet import Yunet

_FACE_NETWORKS: dict[str, type[CenterFace | Yunet]] = {"centerface": CenterFace, "yunet": Yunet}
_BLANK: RgbImage = np.zeros((64, 64, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class FaceReader:
    """Face detector and emotion model together; owned by one thread."""

    faces: LoadedModel[FaceDetector]
    emotions: FaceClassifier

    def read(
        self, image: RgbImage, *, is_oriented: bool = True, with_emotions: bool = True
    ) -> list[tuple[Box, list[Emotion]]]:
        """Return each face, from left to right, with all seven emotions, the likeliest first.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
            is_oriented: the file said which side is up; else faces are looked for all ways up where
                there is none.
            with_emotions: whether expressions are read; else there are none.
        """
        quarters, boxes = self._find(image, is_oriented=is_oriented)
        emotions: list[list[Emotion]] = [[] for _ in boxes]
        if with_emotions:
            turned = np.ascontiguousarray(np.rot90(image, quarters))
            emotions = self.emotions.classify_faces(turned, boxes)
        size_px = image.shape[1], image.shape[0]
        places = [unturned(box, quarters, size_px) for box in boxes]
        faces = list(zip(places, emotions, strict=True))
        return sorted(faces, key=lambda face: (face[0].left, face[0].top))

    def _find(self, image: RgbImage, *, is_oriented: bool) -> tuple[int, list[Box]]:
        """Return quarter turns counterclockwise and the faces in the turned image."""
        detector = self.faces.model
        boxes = detector.find(image)
        if not boxes and not is_oriented:
            quarters, turned = detector.find_turned(image)
            if turned:
                return quarters, turned
        return 0, boxes or detector.find_small(image)


class Loaders:
    """Loaders of the models, one method each; they run in the model's thread.

    Every one raises NotInstalled where its file, or the device that it is to run on, is missing.

    Args:
        settings: Of the service.
        entries: Its manifest.
        runtime: Opens the graphs.
    """

    def __init__(
        self, settings: VisionSettings, entries: Sequence[ModelEntry], runtime: Runtime
    ) -> None:
        self._settings = settings
        self._entries = entries
        self._runtime = runtime
        cv2.setNumThreads(settings.threads)

    def classifier(self) -> LoadedModel[PhotoClassifier]:
        """Load the classifier."""
        found = self._find("classify")
        if (spec := found.entry.classifier) is not None:
            network, described = self._described(found, spec)
            return loaded_model(DescribedLabels(described), found, network)
        network = self._runtime.open(found.path, torch_network="vision.networks:ImageNetNetwork")
        classifier = ImageNetClassifier(network)
        classifier.classify(_BLANK)  # no caller waits until a GPU has its kernels
        return loaded_model(classifier, found, network)

    def face_reader(self) -> LoadedModel[FaceReader]:
        """Load the emotion model and the face detector."""
        found = self._find("emotions")
        network, emotions = self._emotions(found)
        emotions.classify_faces(_BLANK, [Box(0, 0, *_BLANK.shape[:2])])  # as above
        faces = self._face_detector()
        return loaded_model(FaceReader(faces, emotions), found, network, parts=(faces,))

    def nudity_scorer(self) -> LoadedModel[PhotoScorer]:
        """Load the nudity model."""
        found = self._find("nudity")
        if (spec := found.entry.classifier) is not None:
            network, described = self._described(found, spec)
            scorer = DescribedScorer(described, name=found.entry.name)
            return loaded_model(scorer, found, network)
        network = self._runtime.open(found.path)
        return loaded_model(NudityScorer(network), found, network)

    def _emotions(self, found: InstalledModel) -> tuple[Network, FaceClassifier]:
        if (spec := found.entry.classifier) is not None:
            network, described = self._described(found, spec)
            return network, DescribedEmotions(described, name=found.entry.name)
        network = self._runtime.open(found.path, torch_network="vision.networks:EmotionNetwork")
        return network, EmotionClassifier(network)

    def _described(
        self, found: InstalledModel, spec: ClassifierSpec
    ) -> tuple[Network, DescribedClassifier]:
        """Open a model that its manifest describes."""
        network = open_installed(self._runtime, found)
        return network, DescribedClassifier(network, spec, name=found.entry.name)

    def _face_detector(self) -> LoadedModel[FaceDetector]:
        found = self._find("faces")
        network = _FACE_NETWORKS[found.entry.name](found.path, self._runtime)
        return loaded_model(FaceDetector(network), found, network.network)

    def _find(self, task: str) -> InstalledModel:
        return find_model(
            self._entries,
            task,
            models_dir=self._settings.models_dir,
            profile=self._settings.profile,
        )
