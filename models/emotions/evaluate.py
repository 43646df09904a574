"""Score the shipped emotion classifier: python -m models.emotions.evaluate --data PATH."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from modelkit.devices import Device
from modelkit.images import RgbImage
from models.training.pictures import read_archive
from models.training.scoring import score_classifier
from vision.emotions import EMOTIONS, EmotionClassifier
from vision.geometry import Box

_WEIGHTS = Path("services/vision/src/vision/weights/emotions.safetensors")
# The pictures of FER2013 are faces with margin; this box with the service's margin is all of one.
_WITHOUT_MARGIN = Box(2, 2, 46, 46)


def main() -> None:
    """Print the scores over the PublicTest faces of FER2013."""
    parser = argparse.ArgumentParser(description="Score the shipped emotion classifier.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--weights", type=Path, default=_WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    classifier = EmotionClassifier(arguments.weights, device=Device())

    def classify(picture: RgbImage) -> Mapping[str, float]:
        emotions = classifier.classify_face(picture, _WITHOUT_MARGIN)
        return {emotion.name: emotion.confidence for emotion in emotions}

    archive = arguments.data / "fer2013" / "val.zip"
    pictures = ((name.title(), face) for name, face in read_archive(archive, mode="RGB"))
    scores = score_classifier(classify, pictures, EMOTIONS)
    print(json.dumps(scores.overall))
    print(json.dumps({"recalls": scores.recalls}))


if __name__ == "__main__":
    main()
