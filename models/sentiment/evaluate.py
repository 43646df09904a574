"""Measure the shipped head on labelled sentences: python -m models.sentiment.evaluate FILE.

Each line of FILE is a sentence, a tab and 0 (negative) or 1 (positive). It prints the accuracy of
the sign of the head's logit, the calibration error, and VADER's accuracy on the same sentences.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # it ships no types
    SentimentIntensityAnalyzer,
)

from modelkit.manifest import find_model, load_manifest
from models.sentiment.examples import load_domain
from models.sentiment.head import accuracy
from models.training.calibration import calibration_error
from ocr.embedding import SentenceEmbedder
from ocr.sentiment import SentimentJudge


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    path = parser.parse_args().file
    found = find_model(load_manifest("ocr"), "embed-text", models_dir=Path())
    domain = load_domain(path, SentenceEmbedder(found.path.parent, device="cpu"))
    labels = domain.examples.labels
    logits = SentimentJudge().logits(domain.examples.rows).astype(np.float64)
    pairs = torch.from_numpy(np.stack([-logits / 2, logits / 2], axis=1))
    error = calibration_error(pairs.softmax(dim=1), torch.from_numpy(labels).long())
    lexicon = SentimentIntensityAnalyzer()
    compounds = np.array([lexicon.polarity_scores(text)["compound"] for text in domain.texts])
    print(
        f"{path.name}: accuracy {accuracy(logits, labels):.3f}, calibration error {error:.3f}, "
        f"VADER {accuracy(compounds, labels):.3f}, n = {len(labels)}"
    )


if __name__ == "__main__":
    main()
