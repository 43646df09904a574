"""Classifier that runs as its manifest describes it."""

from collections.abc import Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (  # type: ignore[import-untyped]  # no types
    Fail,
    InvalidArgument,
    RuntimeException,
)
from PIL import Image

from modelkit.classification import ClassifierSpec
from modelkit.images import RgbImage
from modelkit.runtime import Network
from servicekit.errors import ModelNotInstalled
from vision.classifier import Label, best_labels
from vision.emotions import EMOTIONS, Emotion, ranked
from vision.geometry import Box
from vision.nudity import NudityScore

_NUDE, _SAFE = "nude", "safe"
# Names of the answers of a model whose classes tell more.
_NONE, _SUGGESTIVE, _EXPLICIT = "none", "suggestive", "explicit"
_UNUSABLE = (Fail, InvalidArgument, RuntimeException, ValueError)
_INTERPOLATIONS = MappingProxyType(
    {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
)
_FILTERS = MappingProxyType(
    {
        "linear": Image.Resampling.BILINEAR,
        "cubic": Image.Resampling.BICUBIC,
        "area": Image.Resampling.BOX,
    }
)


class DescribedClassifier:
    """Classifier of images by its description; owned by one thread.

    Args:
        network: The graph of the model.
        spec: Its description.
        name: Names the model in messages.

    Attributes:
        spec: Its description.
        labels: Those that have an answer, in the order of `of_labels`.

    Raises:
        ModelNotInstalled: The graph does not take or return what the description says.
    """

    def __init__(self, network: Network, spec: ClassifierSpec, *, name: str) -> None:
        self._network = network
        self.spec = spec
        self._kept = sorted(column for some in spec.columns.values() for column in some)
        self.labels = [spec.labels[column] for column in self._kept]
        self._require(name)

    def prepare(self, image: RgbImage) -> NDArray[np.float32]:
        """Return an image as the graph takes it; see `prepare`. Any thread may call it."""
        return prepare(image, self.spec)

    def of_prepared(self, images: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the probability of each name in `spec.columns`, (count, names).

        One image after the other: graphs with a fixed batch of one are common.

        Args:
            images: As `prepare` returns them.
        """
        return self.join(self.of_labels(images))

    def of_labels(self, images: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return the probability of each label that has an answer, (count, labels).

        Args:
            images: As of `of_prepared`.
        """
        if not images:
            return np.zeros((0, len(self._kept)))
        outputs = [self._network.run(one[np.newaxis])[0][0] for one in images]
        values = np.stack(outputs).astype(np.float64)[:, self._kept]
        if self.spec.activation == "sigmoid":
            values = 1 / (1 + np.exp(-values))
        elif self.spec.activation == "softmax":
            # Of the kept ones only: the same as to drop the others afterwards, and never 0 / 0.
            values = np.exp(values - values.max(axis=1, keepdims=True))
        if self.spec.activation != "sigmoid":
            values /= np.maximum(values.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return values

    def join(self, shares: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the sums of what `of_labels` returns for each name in `spec.columns`."""
        sums = [
            shares[:, np.isin(self._kept, some)].sum(axis=1) for some in self.spec.columns.values()
        ]
        return np.stack(sums, axis=1).astype(np.float32)

    def _require(self, name: str) -> None:
        shape = (1, *self.spec.input_shape)
        try:
            outputs = self._network.run(np.zeros(shape, np.float32))
        except _UNUSABLE as error:
            reason = " ".join(str(error).split())
            raise ModelNotInstalled(
                f"model {name} does not take {shape} float32 as its manifest says: {reason}"
            ) from error
        wanted = (1, len(self.spec.labels))
        if outputs[0].shape != wanted:
            raise ModelNotInstalled(
                f"model {name} returns {outputs[0].shape}; its manifest has the labels of {wanted}"
            )


def prepare(image: RgbImage, spec: ClassifierSpec) -> NDArray[np.float32]:
    """Return an image as the graph takes it: float32 of `spec.input_shape`.

    Args:
        image: (height, width, 3) uint8, sRGB.
        spec: Description of the classifier.
    """
    side = spec.resized_px or spec.size_px
    height, width = image.shape[:2]
    size_px = (side, side)
    if spec.fit == "crop":
        size_px = (
            max(side, round(width * side / min(height, width))),
            max(side, round(height * side / min(height, width))),
        )
    if spec.is_antialiased:
        scaled_image = Image.fromarray(image).resize(size_px, _FILTERS[spec.interpolation])
        pixels = np.asarray(scaled_image)
    else:
        pixels = np.asarray(
            cv2.resize(image, size_px, interpolation=_INTERPOLATIONS[spec.interpolation])
        )
    top, left = ((have - spec.size_px) // 2 for have in pixels.shape[:2])
    pixels = pixels[top : top + spec.size_px, left : left + spec.size_px]
    if spec.channels == "bgr":
        pixels = pixels[:, :, ::-1]
    elif spec.channels == "grey":
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)[:, :, np.newaxis]
    scaled = (pixels * spec.scale - np.array(spec.mean)) / np.array(spec.std)
    if spec.layout == "nchw":
        scaled = scaled.transpose(2, 0, 1)
    return np.ascontiguousarray(scaled, np.float32)


class DescribedLabels:
    """Classifier of photos whose manifest describes it; owned by one thread.

    Args:
        classifier: Its answers are the labels.
    """

    def __init__(self, classifier: DescribedClassifier) -> None:
        self._classifier = classifier
        self._names = list(classifier.spec.columns)
        self.prepare = classifier.prepare

    def confidences(self, images: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the probability of each label for several photos that went through `prepare`."""
        return list(self._classifier.of_prepared(images))

    def labels(self, confidences: NDArray[np.float32], *, limit: int) -> list[Label]:
        """Return the likeliest labels of a photo, the likeliest first."""
        return best_labels(self._names, confidences, limit=limit)


class DescribedScorer:
    """Nudity scorer whose manifest describes it; owned by one thread.

    Args:
        classifier: Its answers are named "nude" and "safe", or "none", "suggestive" and "explicit".
        name: Names the model in messages.

    Raises:
        ModelNotInstalled: They are named otherwise.
    """

    def __init__(self, classifier: DescribedClassifier, *, name: str) -> None:
        self._classifier = classifier
        names = list(classifier.spec.columns)
        self._has_levels = set(names) == {_NONE, _SUGGESTIVE, _EXPLICIT}
        if not self._has_levels and set(names) != {_NUDE, _SAFE}:
            raise ModelNotInstalled(
                f"model {name} answers {', '.join(names)}; its manifest must map its labels to "
                f"{_NUDE} and {_SAFE}, or to {_NONE}, {_SUGGESTIVE} and {_EXPLICIT}"
            )
        self._names = names
        self.prepare = classifier.prepare

    def score_all(self, images: Sequence[NDArray[np.float32]]) -> list[NudityScore]:
        """Return the scores of several photos that went through `prepare`."""
        shares = self._classifier.of_labels(images)
        rows = zip(self._classifier.join(shares).tolist(), shares.tolist(), strict=True)
        return [self._score(dict(zip(self._names, row, strict=True)), own) for row, own in rows]

    def _score(self, answer: dict[str, float], shares: list[float]) -> NudityScore:
        if not self._has_levels:
            return NudityScore(answer[_NUDE])
        classes = sorted(zip(self._classifier.labels, shares, strict=True), key=lambda one: -one[1])
        at_least_suggestive = min(1.0, answer[_EXPLICIT] + answer[_SUGGESTIVE])
        return NudityScore(answer[_EXPLICIT], at_least_suggestive, tuple(classes))


class DescribedEmotions:
    """Emotion classifier whose manifest describes it; owned by one thread.

    Args:
        classifier: Its answers are named as `EMOTIONS`.
        name: Names the model in messages.

    Raises:
        ModelNotInstalled: They are named otherwise.
    """

    def __init__(self, classifier: DescribedClassifier, *, name: str) -> None:
        self._classifier = classifier
        self._names = list(classifier.spec.columns)
        if set(self._names) != set(EMOTIONS):
            raise ModelNotInstalled(
                f"model {name} answers {', '.join(self._names)}; its manifest must map its labels "
                f"to {', '.join(EMOTIONS)}"
            )

    def classify_faces(self, image: RgbImage, boxes: Sequence[Box]) -> list[list[Emotion]]:
        """Return all seven emotions of each face, the likeliest first.

        Args:
            image: (height, width, 3) uint8, sRGB, upright.
            boxes: The faces as the detector found them; they are cut without a margin.
        """
        faces = [self._classifier.prepare(_cut(image, box)) for box in boxes]
        rows = self._classifier.of_prepared(faces)
        return [ranked(self._names, row) for row in rows.tolist()]


def _cut(image: RgbImage, box: Box) -> RgbImage:
    """Return the part of the box within the image, at least one pixel."""
    height, width = image.shape[:2]
    left, top = min(max(0, box.left), width - 1), min(max(0, box.top), height - 1)
    right, bottom = max(left + 1, min(box.right, width)), max(top + 1, min(box.bottom, height))
    return image[top:bottom, left:right]
