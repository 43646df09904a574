"""The training loop: its schedule, its checkpoints, what it writes."""

import json
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.training.averaging import AveragedNetwork
from models.training.run import Options, Recipe, one_cycle, train

RECIPE = Recipe(steps_per_epoch=5, peak_rate=0.2, weight_decay=0.0, averaging_decay=0.9)


class Line:
    """A task with one right answer: y = 3 x + 1."""

    recipe = RECIPE

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield random points of the line."""
        assert 0 <= progress < 1
        for _ in range(self.recipe.steps_per_epoch):
            inputs = torch.randn(32, 1)
            yield inputs, 3 * inputs + 1

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean squared error."""
        answers: Tensor = network(inputs)
        return (answers.float() - targets).square().mean()

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the answer at x = 2."""
        at_two: Tensor = network(torch.full((1, 1), 2.0))
        return {"at_two": round(at_two.item(), 3)}

    def finish(self, network: nn.Module) -> None:
        """Leave it as it is."""


class Interrupted(Line):
    """The same task, stopped by the user in the middle of its third epoch."""

    epochs = 0

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield what the task yields, until the user has enough."""
        self.epochs += 1
        for number, batch in enumerate(super().batches(progress)):
            if self.epochs == 3 and number == 2:
                raise KeyboardInterrupt
            yield batch


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give back the handler that a training takes."""
    handler = signal.getsignal(signal.SIGTERM)
    threads = torch.get_num_threads()
    yield
    signal.signal(signal.SIGTERM, handler)
    torch.set_num_threads(threads)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        data=tmp_path,
        out=tmp_path / "out",
        weights=tmp_path / "line.safetensors",
        metrics=tmp_path / "metrics.json",
        epochs=8,
        minutes=float("inf"),
        threads=1,
        device="cpu",
        score_every=100,
        seed=7,
    )


def line() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(1, 1)


def test_training_learns_and_writes_its_scores(options: Options) -> None:
    train(Line(), line(), options)

    written = json.loads(options.metrics.read_text())
    assert written["scores"]["at_two"] == pytest.approx(7, abs=0.3)
    assert (written["epochs"], written["steps"], written["seed"]) == (8, 40, 7)
    weights = load_file(options.weights)  # matrices in half precision, vectors in full
    assert (weights["weight"].dtype, weights["bias"].dtype) == (torch.float16, torch.float32)


def test_same_seed_gives_the_same_weights(options: Options, tmp_path: Path) -> None:
    again = replace(options, out=tmp_path / "again", weights=tmp_path / "again.safetensors")

    train(Line(), line(), options)
    train(Line(), line(), again)

    assert options.weights.read_bytes() == again.weights.read_bytes()


def test_interrupted_training_goes_on_from_its_checkpoint(options: Options) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(), line(), options)

    train(Line(), line(), options)

    written = json.loads(options.metrics.read_text())
    assert written["steps"] == 40
    assert written["scores"]["at_two"] == pytest.approx(7, abs=0.3)


def test_training_stops_when_its_minutes_are_over(options: Options) -> None:
    train(Line(), line(), replace(options, epochs=1_000_000, minutes=0.01))

    written = json.loads(options.metrics.read_text())
    assert written["minutes"] == pytest.approx(0.01, abs=0.1)
    assert written["epochs"] < 1_000_000


@pytest.mark.parametrize(
    ("progress", "rate"), [(0, 1e-4), (0.1, 0.05), (0.2, 0.1), (0.6, 0.05), (1, 1e-4)]
)
def test_rate_rises_to_its_peak_and_falls_by_a_cosine(progress: float, rate: float) -> None:
    assert one_cycle(progress, replace(RECIPE, peak_rate=0.1)) == pytest.approx(rate)


def test_average_follows_the_network_quickly_first() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    averaged = AveragedNetwork(network, decay=0.5)
    nn.init.ones_(network.weight)

    averaged.update(network)

    # The first update keeps 2 / 11 of the start, not the half that decay says.
    (average,) = averaged.network.parameters()
    assert average.item() == pytest.approx(1 - 2 / 11)
