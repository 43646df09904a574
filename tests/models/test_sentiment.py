"""How the sentiment head is trained and chosen, on made-up embeddings."""

from pathlib import Path

import numpy as np
import pytest

from modelkit.manifest import find_model, load_manifest
from models.sentiment.examples import Domain, Examples, join, load_domain
from models.sentiment.head import accuracy, train_head
from models.sentiment.train import choose_recipe
from ocr.embedding import SIZE, SentenceEmbedder


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEmbedder:
    empty = tmp_path_factory.mktemp("models")
    found = find_model(load_manifest("ocr"), "embed-text", models_dir=empty)
    return SentenceEmbedder(found.path.parent, device="cpu")


def along(axis: int, *, count: int) -> Examples:
    """Return examples that are positive where they point along an axis, negative where against."""
    rows = np.zeros((2 * count, SIZE), np.float32)
    rows[:count, axis], rows[count:, axis] = 1, -1
    labels = np.repeat(np.array([1, 0], np.float32), count)
    return Examples(rows, labels, np.ones(2 * count, np.float32))


def test_head_tells_what_it_was_shown() -> None:
    examples = along(3, count=10)

    head = train_head(examples, weight_decay=0.001)

    assert accuracy(head.logits(examples.rows), examples.labels) == 1
    assert abs(head.bias) < 1e-6
    np.testing.assert_allclose(head.divided_by(2).weights, head.weights / 2)


def test_heavier_examples_win() -> None:
    examples = along(0, count=5)
    lies = Examples(examples.rows, 1 - examples.labels, examples.weights)

    head = train_head(join([examples.weighing(1), lies.weighing(3)]), weight_decay=0.001)

    assert accuracy(head.logits(examples.rows), examples.labels) == 0


def test_words_are_taken_where_they_help_on_another_domain() -> None:
    words = along(0, count=20)
    # Beside the truth each domain has a stronger sign of its own, which misleads on the other.
    domains = [
        Domain(name, [], Examples(0.8 * words.rows + sign.rows, words.labels, words.weights))
        for name, sign in (("here", along(1, count=20)), ("there", along(2, count=20)))
    ]
    domains[1].examples.rows[:, 1] = -domains[0].examples.rows[:, 1]
    lies = Examples(words.rows, 1 - words.labels, words.weights)

    assert choose_recipe(domains, words).word_share > 0
    assert choose_recipe(domains, lies).word_share == 0


def test_sentences_are_read_with_their_labels(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    file = tmp_path / "shop.txt"
    file.write_text("Good\tvalue, I say.\t1\nIt broke.\t0\n", "utf-8")

    domain = load_domain(file, embedder)

    assert domain.texts == ["Good\tvalue, I say.", "It broke."]
    assert domain.examples.labels.tolist() == [1, 0]
    assert domain.examples.rows.shape == (2, SIZE)
