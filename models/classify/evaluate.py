"""Score the shipped classifier: python -m models.classify.evaluate --data PATH."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from modelkit.devices import Device
from modelkit.images import RgbImage
from models.training.pictures import read_archive, read_classes
from models.training.scoring import score_classifier
from vision.classifier import ResidualClassifier

_WEIGHTS = Path("services/vision/src/vision/weights/classify.safetensors")


def main() -> None:
    """Print the scores over the validation pictures of Tiny ImageNet."""
    parser = argparse.ArgumentParser(description="Score the shipped classifier.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--weights", type=Path, default=_WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = arguments.data / "tiny-imagenet"
    classes = read_classes(folder / "classes.tsv")
    classifier = ResidualClassifier(arguments.weights, device=Device())

    def classify(picture: RgbImage) -> Mapping[str, float]:
        return {label.tag: label.confidence for label in classifier.classify(picture)}

    pictures = (
        (classes[name], picture) for name, picture in read_archive(folder / "val.zip", mode="RGB")
    )
    print(json.dumps(score_classifier(classify, pictures, list(classes.values())).overall))


if __name__ == "__main__":
    main()
