"""A linear head over sentence embeddings, and how it is trained."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.sentiment.examples import Examples
from ocr.embedding import SIZE

_STEPS = 200


@dataclass(frozen=True, slots=True)
class Head:
    """384 weights and a bias."""

    weights: NDArray[np.float64]
    bias: float

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return one logit per row; over 0 is positive."""
        scores: NDArray[np.float64] = rows @ self.weights + self.bias
        return scores

    def divided_by(self, temperature: float) -> "Head":
        """Return the head whose logits are smaller by a temperature."""
        return Head(self.weights / temperature, self.bias / temperature)


def train_head(examples: Examples, *, weight_decay: float) -> Head:
    """Fit a logistic regression with L2 regularisation; convex, so no seed is needed."""
    rows, labels, weights = (
        torch.from_numpy(array).double()
        for array in (examples.rows, examples.labels, examples.weights)
    )
    parameters = torch.zeros(SIZE + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([parameters], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = rows @ parameters[:SIZE] + parameters[SIZE]
        error = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, labels, weights, reduction="sum"
        )
        total = error / weights.sum() + weight_decay / 2 * parameters[:SIZE].square().sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    trained = parameters.detach().numpy()
    return Head(trained[:SIZE].copy(), float(trained[SIZE]))


def accuracy(scores: NDArray[np.float64], labels: NDArray[np.float32]) -> float:
    """Return the share of scores with the right sign."""
    return float(np.mean((scores > 0) == (labels > 0)))
