"""Models of the service for `imagemesh doctor`."""

from modelkit.doctor import Check
from modelkit.images import RgbImage
from modelkit.manifest import load_manifest
from servicekit.settings import load_settings
from vision.classifier import PhotoClassifier
from vision.geometry import Box
from vision.loaders import FaceReader, Loaders
from vision.nudity import PhotoScorer
from vision.settings import VisionSettings


def checks() -> list[Check]:
    """Return every model of the service with a function that runs it."""
    settings = load_settings(VisionSettings)
    loaders = Loaders(settings, load_manifest("vision"), settings.open_runtime())
    return [
        Check("classify", loaders.classifier, {"classify": _name}),
        Check("emotions", loaders.face_reader, {"emotions": _read_face, "faces": _find_faces}),
        Check("nudity", loaders.nudity_scorer, {"nudity": _score}),
    ]


def _name(classifier: PhotoClassifier, image: RgbImage) -> object:
    return classifier.confidences([classifier.prepare(image)])


def _read_face(reader: FaceReader, image: RgbImage) -> object:
    return reader.emotions.classify_faces(image, [Box(0, 0, image.shape[1], image.shape[0])])


def _find_faces(reader: FaceReader, image: RgbImage) -> object:
    return reader.faces.model.find(image)


def _score(scorer: PhotoScorer, image: RgbImage) -> object:
    return scorer.score_all([scorer.prepare(image)])
