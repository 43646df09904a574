"""Score the shipped emotion classifier: python -m models.emotions.evaluate --data PATH."""

import json
from collections.abc import Mapping
from pathlib import Path

import cyclopts

from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from models.emotions.export import GRAPH
from models.training.images import read_archive
from models.training.scoring import score_classifier
from vision.emotions import EMOTIONS, EmotionClassifier
from vision.geometry import Box

# The images of FER2013 are faces with margin; this box with the service's margin is all of one.
_WITHOUT_MARGIN = Box(2, 2, 46, 46)


def main(*, data: Path, graph: Path = GRAPH) -> None:
    """Print the scores over the PublicTest faces of FER2013.

    Args:
        data: Folder of the data sets.
        graph: Classifier to score; the shipped one unless told.
    """
    classifier = EmotionClassifier(Runtime(threads=1).open(graph))

    def classify(image: RgbImage) -> Mapping[str, float]:
        emotions = classifier.classify_face(image, _WITHOUT_MARGIN)
        return {emotion.name: emotion.confidence for emotion in emotions}

    archive = data / "fer2013" / "val.zip"
    images = ((name.title(), face) for name, face in read_archive(archive, mode="RGB"))
    scores = score_classifier(classify, images, EMOTIONS)
    print(json.dumps(scores.overall))
    print(json.dumps({"recalls": scores.recalls}))


if __name__ == "__main__":
    cyclopts.run(main)
