"""Where torch computes, in which numbers, and what becomes of a batch that does not fit."""

import asyncio
import weakref
from collections.abc import Iterator, Sequence

import pytest
import torch
from prometheus_client import CollectorRegistry
from torch import Tensor, nn

from modelkit.batching import Batcher, BatchLimits
from modelkit.devices import Device, open_device, pick_device
from modelkit.execution import ModelLost, ModelThread
from servicekit.errors import NotInstalled, Overloaded
from servicekit.telemetry import ModelMetrics

HAS_CUDA = torch.cuda.is_available()
PICTURES = torch.arange(24, dtype=torch.float32).view(2, 3, 2, 2)


class Network(nn.Module):
    """A convolution and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)


class Hungry:
    """A model that has memory for two items at a time, and for a 9 not even alone."""

    def __init__(self) -> None:
        self.device = Device()
        self.batches: list[list[float]] = []

    async def run(self, items: list[float]) -> Sequence[float]:
        """Double each item."""
        answers: list[float] = self.device.compute(self._double, torch.tensor(items)).tolist()
        return answers

    def _double(self, batch: Tensor) -> Tensor:
        self.batches.append(batch.tolist())
        if len(batch) > 2 or 9 in batch:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return 2 * batch


def test_cpu_is_always_there() -> None:
    assert pick_device("cpu") == "cpu"


def test_auto_takes_what_is_there() -> None:
    assert pick_device("auto") == ("cuda" if HAS_CUDA else "cpu")


@pytest.mark.skipif(HAS_CUDA, reason="this machine has a CUDA device")
def test_missing_cuda_device_is_told_with_the_way_out() -> None:
    with pytest.raises(NotInstalled, match="set device to auto or cpu"):
        pick_device("cuda")


def test_float16_on_the_cpu_is_refused_with_the_way_out() -> None:
    with pytest.raises(NotInstalled, match="set precision to bfloat16"):
        open_device("cpu", precision="float16", memory_fraction=1.0)


@pytest.mark.parametrize(("precision", "name"), [("float32", "cpu"), ("bfloat16", "cpu/bfloat16")])
def test_name_tells_a_precision_that_is_not_the_usual_one(precision: str, name: str) -> None:
    assert open_device("cpu", precision=precision, memory_fraction=1.0).name == name


def test_placed_network_has_the_precision_and_its_head_float32() -> None:
    network = Network()

    placed = Device("cpu", "bfloat16").place(network, head=network.head)

    dtypes = {name: weights.dtype for name, weights in placed.named_parameters()}
    assert dtypes == {
        "stem.weight": torch.bfloat16,
        "stem.bias": torch.bfloat16,
        "head.weight": torch.float32,
        "head.bias": torch.float32,
    }
    assert not placed.training


def test_nothing_is_copied_on_the_cpu() -> None:
    answer = Device().compute(lambda batch: batch, PICTURES)

    assert answer is PICTURES


def test_nothing_is_recorded_for_training() -> None:
    weights = torch.ones(2, 2, requires_grad=True)

    answer = Device().compute(lambda batch: batch * weights, PICTURES)

    assert not answer.requires_grad


def test_batch_that_does_not_fit_is_let_go_before_it_is_told() -> None:
    """The frames of torch's error hold every layer, so that halves would not fit either."""
    layers: list[weakref.ref[Tensor]] = []

    def compute(batch: Tensor) -> Tensor:
        layer = batch + 1
        layers.append(weakref.ref(layer))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(MemoryError, match="2 items do not fit") as caught:
        Device().compute(compute, PICTURES)

    assert caught.value.__context__ is None
    assert layers[0]() is None


async def test_batch_that_does_not_fit_is_halved_and_answered() -> None:
    model = Hungry()
    batcher = Batcher[float, float](
        model.run, limits=BatchLimits(), metrics=ModelMetrics(CollectorRegistry()).of("test")
    )

    outcomes = await asyncio.gather(
        *(batcher.answer(item) for item in (1, 2, 3, 9, 5)), return_exceptions=True
    )

    assert outcomes[:3] + outcomes[4:] == [2, 4, 6, 10]
    assert isinstance(outcomes[3], Overloaded)
    assert model.batches == [[1, 2, 3, 9, 5], [1, 2], [3, 9, 5], [3], [9, 5], [9], [5]]


async def test_gpu_that_failed_ends_the_thread_of_its_model() -> None:
    def compute(batch: Tensor) -> Tensor:
        raise torch.AcceleratorError(f"CUDA error: unspecified launch failure at {len(batch)}")

    thread = ModelThread("classify")

    with pytest.raises(ModelLost, match="the model of classify ended"):
        await thread.run(Device().compute, compute, PICTURES)


@pytest.fixture
def gpu() -> Iterator[None]:
    """Skip where there is none; afterwards give back the memory that a test forbade."""
    if not HAS_CUDA:
        pytest.skip("needs a CUDA device")
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.gpu
@pytest.mark.usefixtures("gpu")
def test_cuda_device_is_taken() -> None:
    assert pick_device("cuda") == "cuda"


@pytest.mark.gpu
@pytest.mark.usefixtures("gpu")
def test_each_model_computes_on_the_gpu_in_a_stream_of_its_own() -> None:
    streams: list[int] = [torch.cuda.default_stream().cuda_stream]

    def compute(batch: Tensor) -> Tensor:
        assert batch.is_cuda
        streams.append(torch.cuda.current_stream().cuda_stream)
        return 2 * batch

    answers = [Device("cuda").compute(compute, PICTURES) for _ in range(2)]

    assert len(set(streams)) == 3
    assert all(torch.equal(answer, 2 * PICTURES) for answer in answers)


@pytest.mark.gpu
@pytest.mark.usefixtures("gpu")
def test_batch_beyond_the_budget_fails_and_the_next_one_is_answered() -> None:
    device = open_device("cuda", precision="float32", memory_fraction=0.02)
    total_bytes = torch.cuda.get_device_properties(0).total_memory

    def fill(batch: Tensor) -> Tensor:
        share = 0.03 if len(batch) > 1 else 0.001
        return torch.zeros(int(share * total_bytes), dtype=torch.uint8, device="cuda")[: len(batch)]

    with pytest.raises(MemoryError):
        device.compute(fill, PICTURES)

    assert device.compute(fill, PICTURES[:1]).tolist() == [0]
