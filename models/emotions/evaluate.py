"""Score the shipped emotion classifier: python -m models.emotions.evaluate --data PATH."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from models.emotions.export import GRAPH
from models.training.images import read_archive
from models.training.scoring import score_classifier
from vision.emotions import EMOTIONS, EmotionClassifier
from vision.geometry import Box

# The images of FER2013 are faces with margin; this box with the service's margin is all of one.
_WITHOUT_MARGIN = Box(2, 2, 46, 46)


def main() -> None:
    """Print the scores over the PublicTest faces of FER2013."""
    parser = argparse.ArgumentParser(description="Score the shipped emotion classifier.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--graph", type=Path, default=GRAPH)
    arguments = parser.parse_args()
    classifier = EmotionClassifier(Runtime(threads=1).open(arguments.graph))

    def classify(image: RgbImage) -> Mapping[str, float]:
        emotions = classifier.classify_face(image, _WITHOUT_MARGIN)
        return {emotion.name: emotion.confidence for emotion in emotions}

    archive = arguments.data / "fer2013" / "val.zip"
    images = ((name.title(), face) for name, face in read_archive(archive, mode="RGB"))
    scores = score_classifier(classify, images, EMOTIONS)
    print(json.dumps(scores.overall))
    print(json.dumps({"recalls": scores.recalls}))


if __name__ == "__main__":
    main()
