"""Where a torch model computes and in which numbers; only services that use torch import this."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from servicekit.errors import NotInstalled

Network = TypeVar("Network", bound=nn.Module)


class Device:
    """Where one model computes; on a GPU with a stream of its own, beside the other models.

    Args:
        kind: "cpu" or "cuda".
        precision: The numbers that its network computes in: "float32", "bfloat16", or on a GPU
            "float16".

    Attributes:
        name: As callers are told: the kind, and the precision where it is not float32.
        dtype: What the network is to be given.
    """

    def __init__(self, kind: str = "cpu", precision: str = "float32") -> None:
        self.name = kind if precision == "float32" else f"{kind}/{precision}"
        self.dtype: torch.dtype = getattr(torch, precision)
        self._device = torch.device(kind)
        has_stream = kind == "cuda"
        self._stream = torch.cuda.Stream() if has_stream else None  # type: ignore[no-untyped-call]  # untyped

    def place(self, network: Network, *, head: nn.Module) -> Network:
        """Return the network on this device, in its precision and ready to answer.

        Args:
            network: Float32, on the CPU.
            head: Its last layer, which stays float32: confidences would be told apart no more.
        """
        for part in network.children():
            if part is not head:
                part.to(self.dtype)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
        with torch.cuda.stream(self._stream):
            return network.eval().to(self._device)

    def compute(self, function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """Return what the function makes of a batch on this device; both are on the CPU.

        Raises:
            MemoryError: The batch does not fit into the memory of the GPU.
            SystemExit: The GPU failed, and is lost to this process: the thread of the model ends.
        """
        try:
            with torch.inference_mode(), torch.cuda.stream(self._stream):
                return function(self._send(batch)).cpu()  # which waits for the stream
        except torch.OutOfMemoryError:
            pass
        except torch.AcceleratorError as error:
            raise SystemExit(f"the GPU failed: {error}") from error
        # Not within `except`: until it ends, the frames of the error hold the layers of the batch.
        torch.cuda.empty_cache()
        raise MemoryError(f"{len(batch)} items do not fit into the memory of the GPU")

    def _send(self, batch: Tensor) -> Tensor:
        if self._stream is None:
            return batch
        return batch.pin_memory().to(self._device, non_blocking=True)


def open_device(setting: str, *, precision: str, memory_fraction: float) -> Device:
    """Return where a model is to compute.

    Args:
        setting: As of `pick_device`.
        precision: As of `Device`.
        memory_fraction: Share of the GPU's memory that torch may take in this process.

    Raises:
        NotInstalled: This machine has no such device, or it has no such precision.
    """
    kind = pick_device(setting)
    if kind == "cuda":
        torch.cuda.set_per_process_memory_fraction(memory_fraction)
    elif precision == "float16":
        raise NotInstalled(
            "precision is float16 but models compute on the CPU; set precision to bfloat16"
        )
    return Device(kind, precision)


def pick_device(setting: str) -> str:
    """Return "cpu" or "cuda" for the setting "auto", "cpu" or "cuda".

    Raises:
        NotInstalled: CUDA is asked for and this machine has no CUDA device.
    """
    has_cuda = torch.cuda.is_available()
    if setting == "cuda" and not has_cuda:
        raise NotInstalled("device is cuda but no CUDA device is here; set device to auto or cpu")
    if setting == "auto":
        return "cuda" if has_cuda else "cpu"
    return setting
