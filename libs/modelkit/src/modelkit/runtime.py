"""Inference runtime of every service: a network is a graph and the device that computes it.

On a CPU that is ONNX Runtime. On a GPU a network that has a torch module is computed by torch, the
others by ONNX Runtime's CUDA provider.
"""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

from servicekit.errors import NotInstalled

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
TORCH_CUDA = "torch-cuda"

DeviceSetting: TypeAlias = Literal["auto", "cpu", "cuda"]
Array: TypeAlias = NDArray[Any]  # Any: each network has its own types of numbers

_ERRORS_ONLY = 3  # a graph whose sizes were freed warns that its outputs differ from its file
_PROVIDER_DEVICES = {CPU_PROVIDER: "cpu", CUDA_PROVIDER: "cuda"}


class Network(Protocol):
    """A network ready to answer; owned by one thread.

    Attributes:
        device: Where it computes, such as "cpu", "cuda" or "cuda/bfloat16".
        provider: The runtime that computes it: an execution provider of ONNX Runtime or
            "torch-cuda".
    """

    device: str
    provider: str

    def run(self, *inputs: Array) -> list[Array]:
        """Return the outputs that were asked for when it was opened.

        Args:
            inputs: In the order of the graph.

        Raises:
            MemoryError: The batch does not fit into the memory of the GPU.
        """
        ...


@dataclass(frozen=True, slots=True)
class Machine:
    """Runtimes that are installed and the devices that they see.

    Attributes:
        onnx_providers: Execution providers of ONNX Runtime.
        torch_has_cuda: Whether torch is installed and sees a CUDA device.
    """

    onnx_providers: tuple[str, ...]
    torch_has_cuda: bool

    @property
    def has_cuda(self) -> bool:
        """Whether any runtime can use a CUDA device."""
        return self.torch_has_cuda or CUDA_PROVIDER in self.onnx_providers


def this_machine() -> Machine:
    """Return the runtimes of this process."""
    has_torch = importlib.util.find_spec("torch") is not None
    providers = tuple(onnxruntime.get_available_providers())
    # torch takes a second to import: a CPU build of ONNX Runtime means that there is no GPU either.
    if not has_torch or CUDA_PROVIDER not in providers:
        return Machine(providers, torch_has_cuda=False)
    return Machine(providers, importlib.import_module("torch").cuda.is_available())


def choose_provider(setting: DeviceSetting, machine: Machine, *, has_torch_network: bool) -> str:
    """Return the runtime for one network.

    Args:
        setting: Device setting of the service.
        machine: Runtimes that are installed.
        has_torch_network: Whether the network has a torch module beside its graph.

    Raises:
        NotInstalled: The device is cuda and no installed runtime has CUDA.
    """
    if setting == "cpu":
        return CPU_PROVIDER
    if has_torch_network and machine.torch_has_cuda:
        return TORCH_CUDA
    if CUDA_PROVIDER in machine.onnx_providers:
        return CUDA_PROVIDER
    if setting == "cuda":
        raise NotInstalled(
            "device is cuda but ONNX Runtime has no CUDA provider here; install onnxruntime-gpu "
            "on a machine with a CUDA device, or set device to auto or cpu"
        )
    return CPU_PROVIDER


class Runtime:
    """Factory of the networks of a service, on its configured device.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA where there is one.
        threads: Processor threads of one network.
        precision: Numbers that torch computes in on a GPU: "float32", "bfloat16" or "float16".
        machine: Runtimes that are installed; detected unless given.
    """

    def __init__(
        self,
        device: DeviceSetting = "cpu",
        *,
        threads: int = 1,
        precision: str = "float32",
        machine: Machine | None = None,
    ) -> None:
        self.threads = threads
        self._device: DeviceSetting = device
        self._precision = precision
        self._machine = this_machine() if machine is None else machine

    @property
    def uses_gpu(self) -> bool:
        """Whether a GPU computes what it can."""
        return self._device != "cpu" and self._machine.has_cuda

    def open(
        self,
        graph: Path | bytes,
        *,
        outputs: Sequence[str] | None = None,
        torch_network: str | None = None,
        sizes_vary: bool = False,
        weights: Mapping[str, Array] | None = None,
    ) -> Network:
        """Return a network ready to answer.

        Args:
            graph: ONNX file or its content.
            outputs: Names of the outputs to compute, in their order; all in the graph's order
                unless given.
            torch_network: "module:class" of the torch module that has the same inputs, outputs and
                weights.
            sizes_vary: Whether its inputs differ in size: then no memory is kept between two.
            weights: Of a graph that holds none, by name.

        Raises:
            NotInstalled: The device is cuda and cannot be had.
        """
        provider = choose_provider(
            self._device, self._machine, has_torch_network=torch_network is not None
        )
        if provider == TORCH_CUDA and torch_network is not None:
            # Here, because torch is an extra, and because importing it takes a second and 200 MB.
            torch_runtime = importlib.import_module("modelkit.torch_network")
            network: Network = torch_runtime.open_torch_network(
                graph, torch_network, precision=self._precision
            )
            return network
        session = open_session(
            graph, provider, threads=self.threads, sizes_vary=sizes_vary, weights=weights
        )
        return OnnxNetwork(session, outputs)

    def open_session(
        self, graph: Path | bytes, *, sizes_vary: bool
    ) -> onnxruntime.InferenceSession:
        """Return a session of ONNX Runtime, for libraries that run it themselves; as `open`."""
        provider = choose_provider(self._device, self._machine, has_torch_network=False)
        return open_session(graph, provider, threads=self.threads, sizes_vary=sizes_vary)


class OnnxNetwork:
    """Network that ONNX Runtime computes.

    Args:
        session: Its open graph.
        outputs: As of `Runtime.open`.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, outputs: Sequence[str] | None = None
    ) -> None:
        self._session = session
        self._outputs = None if outputs is None else list(outputs)
        self._inputs = [one.name for one in session.get_inputs()]
        self.provider: str = session.get_providers()[0]
        self.device = _PROVIDER_DEVICES[self.provider]

    def run(self, *inputs: Array) -> list[Array]:
        """Return the outputs; see `Network`."""
        feeds = dict(zip(self._inputs, inputs, strict=True))
        outputs: list[Array] = self._session.run(self._outputs, feeds)
        return outputs


def open_session(
    graph: Path | bytes,
    provider: str,
    *,
    threads: int,
    sizes_vary: bool = False,
    weights: Mapping[str, Array] | None = None,
) -> onnxruntime.InferenceSession:
    """Return a session that computes on the given provider and on no other.

    Args:
        graph: ONNX file or its content.
        provider: Execution provider.
        threads: Processor threads to use.
        sizes_vary: As of `Runtime.open`.
        weights: As of `Runtime.open`.

    Raises:
        NotInstalled: ONNX Runtime took another provider, because a library or the device is
            missing.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # A thread that waits for work must not spin: other models share the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    # Memory of a large image is given back: kept, it would be 170 MB until the process ends.
    options.enable_cpu_mem_arena = not sizes_vary
    if weights is not None:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(one) for one in weights.values()]
        options.add_external_initializers([*weights], values)
    providers = [provider] if provider == CPU_PROVIDER else [provider, CPU_PROVIDER]
    source = graph if isinstance(graph, bytes) else str(graph)
    session = onnxruntime.InferenceSession(source, options, providers=providers)
    if session.get_providers()[0] != provider:
        raise NotInstalled(f"device is cuda but ONNX Runtime could not start {provider}")
    return session


def stack(images: Sequence[Array]) -> Array:
    """Return images of one size as a batch; a single one is not copied."""
    return images[0][np.newaxis] if len(images) == 1 else np.stack(images)
