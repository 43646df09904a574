"""Networks that torch computes on a GPU; only the extra `torch` of a service imports this."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import onnx.numpy_helper
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from modelkit.runtime import TORCH_CUDA, Array

Module = TypeVar("Module", bound=nn.Module)

# Metadata of a graph: weights that the exporter joined with an equal one, by name.
ALIASES_KEY = "imagemesh.aliases"
_COUNTERS = "num_batches_tracked"  # of batch norms: only training uses them


class Device:
    """Device of one network; on a GPU with a stream of its own, beside the other networks.

    Args:
        kind: "cpu" or "cuda".
        precision: Numbers that it computes in: "float32", "bfloat16", or on a GPU "float16".

    Attributes:
        name: The kind, and the precision where it is not float32.
        dtype: Of the weights.
    """

    def __init__(self, kind: str = "cpu", precision: str = "float32") -> None:
        self.name = kind if precision == "float32" else f"{kind}/{precision}"
        self.dtype: torch.dtype = getattr(torch, precision)
        self._device = torch.device(kind)
        has_stream = kind == "cuda"
        self._stream = torch.cuda.Stream() if has_stream else None  # type: ignore[no-untyped-call]  # untyped

    def place(self, module: Module) -> Module:
        """Return the module on this device, in its precision and ready to answer.

        Args:
            module: Float32, on the CPU. Its attribute `head`, the last layer or several, stays
                float32: confidences would no longer be told apart.
        """
        heads = set(module.get_submodule("head").modules())
        for part in module.modules():
            if part not in heads and not any(True for _ in part.children()):
                part.to(self.dtype)
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
        with torch.cuda.stream(self._stream):
            return module.eval().to(self._device)

    def compute(self, function: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        """Return what the function makes of a batch on this device; both are on the CPU.

        Raises:
            MemoryError: The batch does not fit into the memory of the GPU.
            SystemExit: The GPU failed, and is lost to this process: the thread of the model ends.
        """
        try:
            with torch.inference_mode(), torch.cuda.stream(self._stream):
                return function(*(self._send(one) for one in batch)).cpu()  # waits for the stream
        except torch.OutOfMemoryError:
            pass
        except torch.AcceleratorError as error:
            raise SystemExit(f"the GPU failed: {error}") from error
        # Not within `except`: until it ends, the frames of the error hold the layers of the batch.
        torch.cuda.empty_cache()
        raise MemoryError(f"{len(batch[0])} items do not fit into the memory of the GPU")

    def _send(self, batch: Tensor) -> Tensor:
        if self._stream is None:
            return batch
        return batch.pin_memory().to(self._device, non_blocking=True)


class TorchNetwork:
    """Network that torch computes.

    Args:
        module: Takes the inputs of the graph and returns its one output.
        device: Where it computes.
    """

    provider = TORCH_CUDA

    def __init__(self, module: nn.Module, device: Device) -> None:
        self._device = device
        self._module = device.place(module)
        self.device = device.name

    def run(self, *inputs: Array) -> list[Array]:
        """Return the one output; see `modelkit.runtime.Network`."""
        tensors = [torch.from_numpy(one) for one in inputs]
        return [self._device.compute(self._module, *tensors).numpy()]


def open_torch_network(graph: Path | bytes, torch_network: str, *, precision: str) -> TorchNetwork:
    """Return a network on the GPU with the weights of its graph.

    Args:
        graph: ONNX file or its content.
        torch_network: "module:class".
        precision: As of `Device`.
    """
    return TorchNetwork(load_module(graph, torch_network), Device("cuda", precision))


def load_module(graph: Path | bytes, torch_network: str) -> nn.Module:
    """Return a torch module with the weights of a graph, float32 on the CPU.

    Args:
        graph: ONNX file or its content; its weights have the names of the module's.
        torch_network: "module:class", made without arguments.

    Raises:
        RuntimeError: A weight is missing or of another shape.
    """
    name, _, member = torch_network.partition(":")
    module: nn.Module = getattr(importlib.import_module(name), member)()
    content = graph if isinstance(graph, bytes) else graph.read_bytes()
    model = onnx.load_from_string(content)
    weights: dict[str, NDArray[np.float32]] = {
        one.name: onnx.numpy_helper.to_array(one).astype(np.float32)
        for one in model.graph.initializer
    }
    for joined in (one.value for one in model.metadata_props if one.key == ALIASES_KEY):
        weights |= {name: weights[other] for name, other in json.loads(joined).items()}
    known = module.state_dict()
    state = {key: torch.from_numpy(weights[key].copy()) for key in known if key in weights}
    missing = [key for key in known if key not in state and not key.endswith(_COUNTERS)]
    if missing:
        raise RuntimeError(f"the graph lacks weights of {torch_network}: {', '.join(missing)}")
    module.load_state_dict(state, strict=False)
    return module
