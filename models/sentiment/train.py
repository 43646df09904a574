"""Train the 385 numbers that tell positive from negative sentences, on top of MiniLM embeddings.

    python models/sentiment/train.py DATA_DIR [--output FILE]

DATA_DIR holds the "Sentiment Labelled Sentences" of the UCI repository (CC BY 4.0): three files of
1,000 sentences of one domain each. The script prints the accuracy on each domain left out of
training beside VADER's, fits the temperature on those left-out answers, then trains on all three
and writes the head.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # it ships no types
    SentimentIntensityAnalyzer,
)

from modelkit.manifest import find_model, load_manifest
from ocr.embedding import SIZE, SentenceEmbedder

DOMAINS = ("amazon_cells", "imdb", "yelp")
# Chosen once by the mean accuracy over the domains left out, from 0.01, 0.003, 0.001, 0.0003.
WEIGHT_DECAY = 0.001
STEPS = 200
BINS = 10


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences of one domain: texts, (n, 384) embeddings, labels 1.0 positive or 0.0 negative."""

    texts: list[str]
    embeddings: NDArray[np.float32]
    labels: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """A linear head: 384 weights and a bias."""

    weights: NDArray[np.float64]
    bias: float

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return one logit per row; over 0 is positive."""
        scores: NDArray[np.float64] = embeddings @ self.weights + self.bias
        return scores


def main() -> None:
    """Train, report and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data_dir", type=Path)
    default = Path(__file__).parents[2] / "services/ocr/src/ocr/weights/sentiment.json"
    parser.add_argument("--output", type=Path, default=default)
    arguments = parser.parse_args()
    found = find_model(load_manifest("ocr"), "embed-text", models_dir=Path())
    embedder = SentenceEmbedder(found.path.parent, device="cpu")
    domains = {name: load_domain(arguments.data_dir, name, embedder) for name in DOMAINS}
    logits, labels = leave_one_domain_out(domains)
    temperature = fit_temperature(logits, labels)
    before = calibration_error(logits, labels)
    after = calibration_error(logits / temperature, labels)
    print(
        f"temperature {temperature:.3f}; calibration error {before:.3f} before, {after:.3f} after"
    )
    head = train_head(*join(list(domains.values())))
    write_head(head, temperature, arguments.output)


def load_domain(data_dir: Path, name: str, embedder: SentenceEmbedder) -> Sentences:
    """Read `NAME_labelled.txt`: a sentence, a tab and 0 or 1 on each line."""
    lines = (data_dir / f"{name}_labelled.txt").read_text("utf-8").strip("\n").split("\n")
    pairs = [line.rsplit("\t", 1) for line in lines]
    texts = [text.strip() for text, _ in pairs]
    labels = np.array([float(label) for _, label in pairs], np.float32)
    return Sentences(texts, embedder.embed(texts), labels)


def join(domains: list[Sentences]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the embeddings and the labels of several domains."""
    embeddings = np.concatenate([domain.embeddings for domain in domains])
    return embeddings, np.concatenate([domain.labels for domain in domains])


def train_head(embeddings: NDArray[np.float32], labels: NDArray[np.float32]) -> Head:
    """Fit a logistic regression with L2 regularisation; convex, so no seed is needed."""
    inputs, targets = torch.from_numpy(embeddings).double(), torch.from_numpy(labels).double()
    parameters = torch.zeros(SIZE + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([parameters], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = inputs @ parameters[:SIZE] + parameters[SIZE]
        error = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
        total = error + WEIGHT_DECAY / 2 * parameters[:SIZE].square().sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    trained = parameters.detach().numpy()
    return Head(trained[:SIZE].copy(), float(trained[SIZE]))


def leave_one_domain_out(
    domains: dict[str, Sentences],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Print the accuracy on each domain of a head that never saw it; return logits and labels."""
    vader = SentimentIntensityAnalyzer()
    logits, labels = [], []
    for name, held_out in domains.items():
        head = train_head(*join([domain for other, domain in domains.items() if other != name]))
        answers = head.logits(held_out.embeddings)
        compound = np.array([vader.polarity_scores(text)["compound"] for text in held_out.texts])
        print(
            f"{name}: accuracy {accuracy(answers, held_out.labels):.3f}, "
            f"VADER {accuracy(compound, held_out.labels):.3f}, n = {len(held_out.texts)}"
        )
        logits.append(answers)
        labels.append(held_out.labels)
    return np.concatenate(logits), np.concatenate(labels)


def accuracy(scores: NDArray[np.float64], labels: NDArray[np.float32]) -> float:
    """Return the share of scores with the right sign."""
    return float(np.mean((scores > 0) == (labels > 0)))


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.float32]) -> float:
    """Return the divisor of the logits with the least cross-entropy.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2.
    """
    candidates = np.geomspace(0.25, 4.0, 400)
    signs = np.where(labels > 0, 1.0, -1.0)
    losses = [float(np.mean(np.logaddexp(0, -signs * logits / value))) for value in candidates]
    return float(candidates[int(np.argmin(losses))])


def calibration_error(logits: NDArray[np.float64], labels: NDArray[np.float32]) -> float:
    """Return the expected calibration error over ten bins of confidence."""
    confidence = 1 / (1 + np.exp(-np.abs(logits)))
    right = (logits > 0) == (labels > 0)
    bins = np.minimum(((confidence - 0.5) * 2 * BINS).astype(int), BINS - 1)
    return sum(
        float(np.mean(bins == index))
        * abs(float(confidence[bins == index].mean()) - float(right[bins == index].mean()))
        for index in range(BINS)
        if (bins == index).any()
    )


def write_head(head: Head, temperature: float, path: Path) -> None:
    """Write the head, its temperature folded in, as JSON."""
    content = {
        "model": "all-minilm-l6-v2",
        "data": "Sentiment Labelled Sentences, UCI Machine Learning Repository, CC BY 4.0",
        "bias": round(head.bias / temperature, 6),
        "weights": [round(float(weight) / temperature, 6) for weight in head.weights],
    }
    path.write_text(json.dumps(content) + "\n", "utf-8")
    print(f"wrote {path.name}: {len(head.weights) + 1} numbers")


if __name__ == "__main__":
    main()
