"""Scores of classifiers, by hand, and the temperature that calibrates one."""

import pytest
import torch
from torch import nn

from models.training.calibration import (
    calibration_error,
    classification_scores,
    fit_temperature,
    fold_temperature,
)


def test_accuracy_counts_the_first_and_the_first_five() -> None:
    confidences = torch.tensor([[0.6, 0.2, 0.1, 0.05, 0.03, 0.02]] * 4)
    labels = torch.tensor([0, 1, 4, 5])

    scores = classification_scores(confidences, labels)

    assert (scores["top1"], scores["top5"]) == (0.25, 0.75)


def test_calibration_error_is_the_gap_weighed_by_its_bin() -> None:
    # Three answers of 0.9, two of them right; one of 0.5, right.
    confidences = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    labels = torch.tensor([0, 0, 1, 0])

    error = calibration_error(confidences, labels)

    assert error == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * (1 - 0.5), abs=1e-6)


def test_temperature_undoes_overconfidence() -> None:
    torch.manual_seed(1)
    honest = torch.randn(4000, 5)
    labels = torch.multinomial(honest.softmax(dim=1), num_samples=1).flatten()

    assert fit_temperature(2 * honest, labels) == pytest.approx(2, abs=0.1)


def test_folded_temperature_divides_the_logits() -> None:
    head = nn.Linear(3, 2)
    inputs = torch.ones(1, 3)
    before = head(inputs)

    fold_temperature(head, 2.0)

    assert torch.allclose(head(inputs), before / 2)
