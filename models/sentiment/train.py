"""Train the 385 numbers that tell positive from negative sentences, on top of MiniLM embeddings.

    python -m models.sentiment.train DATA_DIR [--output FILE]

DATA_DIR holds the "Sentiment Labelled Sentences" of the UCI repository (CC BY 4.0): three files of
1,000 sentences of one domain each. For each domain the script chooses a recipe by the other two,
trains on those and prints the accuracy on the domain left out, beside VADER's. It fits the
temperature on these answers. Then it chooses a recipe by all three, trains and writes the head.
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # it ships no types
    SentimentIntensityAnalyzer,
)

from modelkit.manifest import find_model, load_manifest
from models.sentiment.examples import Domain, Examples, join, load_domain, load_words
from models.sentiment.head import Head, accuracy, train_head
from models.training.calibration import calibration_error, fit_temperature
from ocr.embedding import SentenceEmbedder

FILES = ("amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt")
OUTPUT = Path(__file__).parents[2] / "services/ocr/src/ocr/weights/sentiment.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is trained.

    Attributes:
        word_share: total weight of the lexicon's words, as a share of that of the sentences.
        weight_decay: strength of the L2 regularisation.
    """

    word_share: float
    weight_decay: float

    def train(self, domains: Sequence[Domain], words: Examples) -> Head:
        """Train on the sentences of some domains and on the words."""
        examples = join([domain.examples for domain in domains])
        if self.word_share:
            total = self.word_share * float(examples.weights.sum())
            examples = join([examples, words.weighing(total)])
        return train_head(examples, weight_decay=self.weight_decay)


RECIPES = tuple(
    itertools.starmap(Recipe, itertools.product((0.0, 0.1, 0.3, 1.0), (0.001, 0.0005, 0.0002)))
)


def main() -> None:
    """Train, report and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    found = find_model(load_manifest("ocr"), "embed-text", models_dir=Path())
    embedder = SentenceEmbedder(found.path.parent, device="cpu")
    domains = [load_domain(arguments.data_dir / name, embedder) for name in FILES]
    words = load_words(embedder)
    temperature = _report_domains(domains, words)
    recipe = choose_recipe(domains, words)
    print(f"shipped: {recipe}")
    write_head(recipe.train(domains, words).divided_by(temperature), arguments.output)


def choose_recipe(domains: Sequence[Domain], words: Examples) -> Recipe:
    """Return the recipe whose heads are right most often on a domain they did not see."""

    def mean_accuracy(recipe: Recipe) -> float:
        rates = []
        for left_out in domains:
            head = recipe.train(_without(domains, left_out), words)
            rates.append(accuracy(head.logits(left_out.examples.rows), left_out.examples.labels))
        return float(np.mean(rates))

    return max(RECIPES, key=mean_accuracy)  # the first of equals: the fewest words


def _without(domains: Sequence[Domain], left_out: Domain) -> list[Domain]:
    return [domain for domain in domains if domain is not left_out]


def _report_domains(domains: Sequence[Domain], words: Examples) -> float:
    """Print how heads do on the domains left out of all choices; return their temperature."""
    lexicon = SentimentIntensityAnalyzer()
    logits = []
    for left_out in domains:
        others = _without(domains, left_out)
        recipe = choose_recipe(others, words)
        answers = recipe.train(others, words).logits(left_out.examples.rows)
        compounds = [lexicon.polarity_scores(text)["compound"] for text in left_out.texts]
        print(
            f"{left_out.name}: accuracy {accuracy(answers, left_out.examples.labels):.3f}, "
            f"VADER {accuracy(np.array(compounds), left_out.examples.labels):.3f}, "
            f"n = {len(left_out.texts)}, {recipe}"
        )
        logits.append(answers)
    return _calibrate(np.concatenate(logits), join([domain.examples for domain in domains]))


def _calibrate(logits: NDArray[np.float64], examples: Examples) -> float:
    pairs = torch.from_numpy(np.stack([-logits / 2, logits / 2], axis=1)).float()
    labels = torch.from_numpy(examples.labels).long()
    temperature = fit_temperature(pairs, labels)
    before, after = (
        calibration_error((pairs / value).softmax(dim=1), labels) for value in (1, temperature)
    )
    print(
        f"temperature {temperature:.2f}; calibration error {before:.3f} before, {after:.3f} after"
    )
    return temperature


def write_head(head: Head, path: Path) -> None:
    """Write a head as JSON."""
    content = {
        "model": "all-minilm-l6-v2",
        "data": "Sentiment Labelled Sentences, UCI Machine Learning Repository, CC BY 4.0; "
        "the words of the VADER lexicon, MIT",
        "bias": round(head.bias, 6),
        "weights": [round(float(weight), 6) for weight in head.weights],
    }
    path.write_text(json.dumps(content) + "\n", "utf-8")
    print(f"wrote {path.name}: {len(head.weights) + 1} numbers")


if __name__ == "__main__":
    main()
