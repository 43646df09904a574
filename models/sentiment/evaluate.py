"""Score the shipped sentiment network: python -m models.sentiment.evaluate FILE.

FILE holds a sentence, a tab and 0 (negative) or 1 (positive) on each line.
"""

import json
from pathlib import Path

import cyclopts
import numpy as np
import torch

from modelkit.manifest import load_manifest
from models.sentiment.train import (
    NEUTRAL,
    POSITIVE,
    lexicon_accuracy,
    polar_accuracy,
    read_domain,
)
from models.training.calibration import calibration_error
from ocr.loaders import load_embedder
from ocr.settings import OcrSettings


def main(file: Path, /) -> None:
    """Print accuracy, calibration error among texts with a tone, and VADER's accuracy."""
    examples = read_domain(file)
    embedder = load_embedder(OcrSettings(threads=1), load_manifest("ocr")).model
    _, tones = embedder.read([one.text for one in examples])
    polar = np.delete(tones, NEUTRAL, axis=1)
    truths = torch.tensor([int(one.tone == POSITIVE) for one in examples])
    shares = torch.from_numpy(polar / polar.sum(axis=1, keepdims=True))
    scores = {
        "accuracy": polar_accuracy(torch.from_numpy(tones), examples),
        "ece": calibration_error(shares, truths),
        "called_neutral": float((tones.argmax(axis=1) == NEUTRAL).mean()),
        "vader": lexicon_accuracy(examples),
    }
    print(json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    cyclopts.run(main)
