"""Networks that torch computes: weights of their graphs, precision, batches that do not fit."""

import asyncio
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from prometheus_client import CollectorRegistry
from torch import Tensor, nn

from modelkit.batching import Batcher
from modelkit.execution import ModelLost, ModelThread
from modelkit.runtime import Runtime
from modelkit.torch_network import Device, TorchNetwork, load_module, open_torch_network
from models.training.export import graph_of, halve_weights
from servicekit.errors import Overloaded
from servicekit.telemetry import ModelMetrics

HAS_CUDA = torch.cuda.is_available()
IMAGES = torch.arange(24, dtype=torch.float32).view(2, 3, 2, 2)


class Network(nn.Module):
    """Convolution, batch norm and head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return two numbers for each image."""
        features = self.norm(self.stem(images.to(self.stem.weight.dtype))).mean(dim=(2, 3))
        answer: Tensor = self.head(features.to(self.head.weight.dtype))
        return answer


class OtherNetwork(Network):
    """Network with a weight that no graph of `Network` has."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Linear(2, 2)


class Hungry:
    """Model that has memory for two items at a time, and for a 9 not even alone."""

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


@pytest.fixture(scope="module")
def graph() -> bytes:
    torch.manual_seed(2)
    network = Network().eval()
    # Random throughout: the exporter joins weights that are equal.
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
    exported = graph_of(network, IMAGES, inputs=["images"], outputs=["y"], free=[{0: "count"}])
    return halve_weights(exported)


def test_module_has_the_weights_of_its_graph_and_answers_alike(graph: bytes) -> None:

    module = load_module(graph, f"{__name__}:Network")

    (answer,) = TorchNetwork(module, Device()).run(IMAGES.numpy())

    (expected,) = Runtime().open(graph).run(IMAGES.numpy())
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_graph_that_lacks_a_weight_is_refused(graph: bytes) -> None:
    with pytest.raises(RuntimeError, match=r"lacks weights of .*: extra.weight, extra.bias"):
        load_module(graph, f"{__name__}:OtherNetwork")


def test_placed_module_has_the_precision_and_its_head_float32() -> None:
    placed = Device("cpu", "bfloat16").place(Network())

    dtypes = {name: weights.dtype for name, weights in placed.named_parameters()}
    assert {dtype for name, dtype in dtypes.items() if name.startswith("head")} == {torch.float32}
    assert {dtype for name, dtype in dtypes.items() if not name.startswith("head")} == {
        torch.bfloat16
    }
    assert not placed.training


def test_lower_precision_answers_nearly_alike(graph: bytes) -> None:
    plain, low = (
        TorchNetwork(load_module(graph, f"{__name__}:Network"), Device("cpu", precision))
        for precision in ("float32", "bfloat16")
    )

    (expected,), (answer,) = plain.run(IMAGES.numpy()), low.run(IMAGES.numpy())

    np.testing.assert_allclose(answer, expected, atol=0.1)
    assert not np.array_equal(answer, expected)
    assert (plain.device, low.device) == ("cpu", "cpu/bfloat16")


def test_batch_that_does_not_fit_is_freed_before_the_error() -> None:
    """The frames of torch's error hold every layer, so that halves would not fit either."""
    layers: list[weakref.ref[Tensor]] = []

    def compute(batch: Tensor) -> Tensor:
        layer = batch + 1
        layers.append(weakref.ref(layer))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(MemoryError, match="2 items do not fit") as caught:
        Device().compute(compute, IMAGES)

    assert caught.value.__context__ is None
    assert layers[0]() is None


async def test_batch_that_does_not_fit_is_halved_and_answered() -> None:
    model = Hungry()
    metrics = ModelMetrics(CollectorRegistry()).of("test")
    batcher = Batcher[float, float](model.run, task="test", max_items=8, metrics=metrics)

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
        await thread.run(Device().compute, compute, IMAGES)


@pytest.fixture
def gpu() -> None:
    """Skip without a CUDA device."""
    if not HAS_CUDA:
        pytest.skip("needs a CUDA device")


@pytest.mark.gpu
@pytest.mark.usefixtures("gpu")
def test_network_on_the_gpu_answers_alike(graph: bytes) -> None:
    network = open_torch_network(graph, f"{__name__}:Network", precision="float32")

    (answer,) = network.run(IMAGES.numpy())

    (expected,) = TorchNetwork(load_module(graph, f"{__name__}:Network"), Device()).run(
        IMAGES.numpy()
    )
    np.testing.assert_allclose(answer, expected, atol=1e-3)
    assert network.device == "cuda"


@pytest.mark.gpu
@pytest.mark.usefixtures("gpu")
def test_each_network_computes_in_a_stream_of_its_own() -> None:
    streams: list[int] = [torch.cuda.default_stream().cuda_stream]

    def compute(batch: Tensor) -> Tensor:
        assert batch.is_cuda
        streams.append(torch.cuda.current_stream().cuda_stream)
        return 2 * batch

    answers = [Device("cuda").compute(compute, IMAGES) for _ in range(2)]

    assert len(set(streams)) == 3
    assert all(torch.equal(answer, 2 * IMAGES) for answer in answers)
