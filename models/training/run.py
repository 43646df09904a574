"""Train one model: one-cycle schedule, averaged weights, a checkpoint after each epoch."""

import dataclasses
import json
import logging
import math
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cyclopts
import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.training.averaging import AveragedNetwork

log = logging.getLogger(__name__)

_LEAST_RATE_SHARE = 1e-3  # of the peak learning rate, at both ends of the cycle
_GRADIENT_LIMIT = 5.0  # norm; only stray batches of the first steps come near it


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command line of every training run."""

    data: Path
    out: Path
    weights: Path
    metrics: Path
    epochs: int
    minutes: float
    threads: int
    device: str
    score_every: int
    seed: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers of one run."""

    steps_per_epoch: int
    peak_rate: float
    weight_decay: float
    warm_up_share: float = 0.2
    averaging_decay: float = 0.998
    optimizer: Literal["adamw", "sgd"] = "adamw"
    encoder_rate_share: float = 1.0  # learning rate of a pretrained encoder, of the others'


class Task(Protocol):
    """Parts of a training run that depend on the model."""

    @property
    def recipe(self) -> Recipe:
        """Schedule of the run."""
        ...

    def batches(self, progress: float) -> Iterable[tuple[Tensor, Tensor]]:
        """Yield the inputs and targets of one epoch, by torch's seeded generator."""
        ...

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a batch, a scalar."""
        ...

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the scores of a network on the validation images."""
        ...

    def finish(self, network: nn.Module) -> None:
        """Change a trained network in place to how it ships, such as calibrate it."""
        ...


def parse_options(task: str, *, epochs: int) -> Options:
    """Return the options of the command line.

    Args:
        task: The name of the task's folders.
        epochs: The number of epochs unless the command line says otherwise.
    """
    folder = Path(".train") / task
    app = cyclopts.App(name=task, result_action="return_value")

    @app.default
    def read(
        *,
        data: Path,
        out: Path = folder,
        weights: Path = folder / "weights.safetensors",
        metrics: Path = Path("models") / task / "metrics.json",
        epochs: int = epochs,
        minutes: float = math.inf,
        threads: int = 2,
        device: str = "cuda" if torch.cuda.is_available() else "cpu",
        score_every: int = 4,
        seed: int = 1,
    ) -> Options:
        """Train on the data sets of a folder; `minutes` are of computing, in all."""
        return Options(**locals())

    options: Options | None = app()
    return options or sys.exit()  # none where the help was asked for


def train(task: Task, network: nn.Module, options: Options) -> None:
    """Train to the end of the schedule, then write the averaged weights and their scores.

    The learning rate follows one cycle over the epochs, or over the minutes where these run out
    first, so that it always ends low. SIGINT or SIGTERM stops a run; the same command goes on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = _Run(task, network, options)
    run.resume()
    while run.progress < 1:
        try:
            run.train_epoch()
        finally:
            run.save()
        if run.epoch % options.score_every == 0:
            scores = task.evaluate(run.averaged.network)
            log.info("epoch %d progress %.2f %s", run.epoch, run.progress, json.dumps(scores))
    task.finish(run.averaged.network)
    run.export()


class _Run:
    def __init__(self, task: Task, network: nn.Module, options: Options) -> None:
        self._task = task
        self._options = options
        self._checkpoint = options.out / "checkpoint.pt"
        self._device = torch.device(options.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
        self._network = network.to(self._device)
        self.averaged = AveragedNetwork(self._network, decay=task.recipe.averaging_decay)
        self._optimizer = _optimizer(network, task.recipe)
        self._seconds = 0.0
        self._clock = 0.0
        self._steps = 0
        self.epoch = 0

    @property
    def progress(self) -> float:
        steps = self._options.epochs * self._task.recipe.steps_per_epoch
        return max(self._steps / steps, self._seconds / 60 / self._options.minutes)

    def train_epoch(self) -> None:
        self._network.train()
        torch.manual_seed(self._options.seed * 1_000_000 + self._steps)
        began, losses, images = time.monotonic(), [], 0
        self._lap()
        for inputs, targets in self._task.batches(self.progress):
            losses.append(self._step(inputs.to(self._device), targets.to(self._device)))
            images += len(inputs)
            self._seconds += self._lap()
            if self.progress >= 1:
                break
        self.epoch += 1
        speed = images / (time.monotonic() - began)
        log.info("loss %.4f at %.0f images/s", sum(losses) / len(losses), speed)

    def _lap(self) -> float:
        """Return the seconds of computing since the last call.

        On a CPU that is processor time: on a busy machine the schedule waits with the run.
        """
        began = self._clock
        if self._device.type == "cpu":
            self._clock = time.process_time() / self._options.threads
        else:
            self._clock = time.monotonic()
        return self._clock - began

    def _step(self, inputs: Tensor, targets: Tensor) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = one_cycle(self.progress, self._task.recipe) * group["share"]
        # bfloat16 convolutions: twice the speed of float32 on a CPU with avx512_bf16.
        with torch.autocast(self._device.type, torch.bfloat16):
            loss = self._task.loss(self._network, inputs, targets)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_LIMIT)
        self._optimizer.step()
        self.averaged.update(self._network)
        self._steps += 1
        return loss.item()

    def resume(self) -> None:
        if not self._checkpoint.exists():
            return
        state = torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        self._network.load_state_dict(state["network"])
        self.averaged.network.load_state_dict(state["averaged"])
        self.averaged.updates = state["updates"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._seconds, self._steps, self.epoch = state["seconds"], state["steps"], state["epoch"]
        log.info("resumed after epoch %d", self.epoch)

    def save(self) -> None:
        self._options.out.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self._network.state_dict(),
            "averaged": self.averaged.network.state_dict(),
            "updates": self.averaged.updates,
            "optimizer": self._optimizer.state_dict(),
            "seconds": self._seconds,
            "steps": self._steps,
            "epoch": self.epoch,
        }
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def export(self) -> None:
        save_weights(self.averaged.network, self._options.weights)
        shipped = {
            "scores": self._task.evaluate(self.averaged.network),
            "epochs": self.epoch,
            "steps": self._steps,
            "minutes": round(self._seconds / 60, 1),
            "seed": self._options.seed,
            "recipe": dataclasses.asdict(self._task.recipe),
        }
        self._options.metrics.write_text(json.dumps(shipped, indent=2) + "\n")
        log.info("wrote %s %s", self._options.weights.name, json.dumps(shipped["scores"]))


def one_cycle(progress: float, recipe: Recipe) -> float:
    """Return the learning rate: a linear warm-up to the peak, then half a cosine down.

    Source: Smith and Topin 2017 (arXiv:1708.07120).

    Args:
        progress: The share of the run that is over, in [0, 1].
        recipe: Peak and length of the warm-up.
    """
    if progress < recipe.warm_up_share:
        share = progress / recipe.warm_up_share
    else:
        rest = (progress - recipe.warm_up_share) / (1 - recipe.warm_up_share)
        share = (1 + math.cos(math.pi * min(rest, 1))) / 2
    return recipe.peak_rate * max(share, _LEAST_RATE_SHARE)


def save_weights(network: nn.Module, weights: Path) -> None:
    """Write a network's state as safetensors: matrices and kernels in float16, vectors in float32.

    Float16 halves the file; the vectors hold batch-norm variances, which may leave its range.
    """
    weights.parent.mkdir(parents=True, exist_ok=True)
    partial = weights.with_suffix(".partial")
    state = {
        name: (tensor.half() if tensor.ndim > 1 else tensor).cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }
    partial.write_bytes(save(state))
    partial.replace(weights)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    groups = []
    for is_encoder in (False, True):
        for is_kernel in (False, True):
            parameters = [
                parameter
                for name, parameter in network.named_parameters()
                if name.startswith("encoder.") == is_encoder and (parameter.ndim > 1) == is_kernel
            ]
            decay = recipe.weight_decay if is_kernel else 0.0
            share = recipe.encoder_rate_share if is_encoder else 1.0
            groups.append({"params": parameters, "weight_decay": decay, "share": share})
    filled = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(filled, lr=recipe.peak_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(filled, lr=recipe.peak_rate)
