"""Inputs of face networks: graphs of a fixed size are changed to take any size."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from modelkit.runtime import Network, Runtime

STRIDE_PX = 32  # both networks halve an image five times
_CHANNELS = 3
# Field 1 (ir_version) of ONNX's ModelProto, and fields of its TensorShapeProto, as protobuf tags.
_VERSION, _DIMENSION, _SIZE, _DENOTATION = b"\x08", b"\x0a", b"\x08", b"\x1a"
_CONSTANT_WEIGHTS = 3
_SEVEN_BITS, _MORE = 0x7F, 0x80


def open_free(
    graph: Path, runtime: Runtime, *, shape: tuple[int, int, int, int], outputs: Sequence[str]
) -> Network:
    """Return a network that takes one image of any size.

    Args:
        graph: ONNX file.
        runtime: Opens it.
        shape: As of `free_size`.
        outputs: As of `Runtime.open`.
    """
    return runtime.open(free_size(graph.read_bytes(), shape), outputs=outputs, sizes_vary=True)


def free_size(network: bytes, shape: tuple[int, int, int, int]) -> bytes:
    """Return an ONNX file whose input takes one image of any height and width.

    The networks are convolutions throughout, only their files name a size. It is unset in place,
    because the `onnx` package would be a large dependency for these few bytes. The format's version
    becomes 3, the last one whose weights are constants: later ones let a caller replace weights
    that are listed as inputs, as CenterFace's are, and ONNX Runtime then folds nothing into the
    convolutions (192 x 256 px: 14.3 ms of CPU in place of 7.4 ms).

    Source: onnx.proto of ONNX (ModelProto, TensorShapeProto; "IR version 3" on initializers).

    Args:
        network: The file; its hash was checked.
        shape: (count, channels, height, width) that the file gives to its input.

    Raises:
        ValueError: That shape does not stand in the file exactly once.
    """
    sizes = [_SIZE + _varint(size) for size in shape]
    unset = [_DENOTATION + bytes([len(size) - 2]) + b" " * (len(size) - 2) for size in sizes]
    fixed = _dimensions(sizes)
    if network.count(fixed) != 1 or not network.startswith(_VERSION):
        raise ValueError(f"network has no single input of shape {shape}")
    free = network.replace(fixed, _dimensions([_SIZE + b"\1", sizes[1], *unset[2:]]))
    return _VERSION + bytes([_CONSTANT_WEIGHTS]) + free[2:]


def as_tensor(image: RgbImage) -> NDArray[np.float32]:
    """Return (1, 3, height, width) float32 in [0, 255], black added to whole strides.

    Args:
        image: (height, width, 3) uint8; the order of the channels is kept.
    """
    height, width = image.shape[:2]
    padded = (-(-side // STRIDE_PX) * STRIDE_PX for side in (height, width))
    tensor = np.zeros((1, _CHANNELS, *padded), np.float32)
    tensor[0, :, :height, :width] = image.transpose(2, 0, 1)
    return tensor


def _dimensions(parts: Sequence[bytes]) -> bytes:
    return b"".join(_DIMENSION + bytes([len(part)]) + part for part in parts)


def _varint(value: int) -> bytes:
    if value <= _SEVEN_BITS:
        return bytes([value])
    return bytes([value & _SEVEN_BITS | _MORE]) + _varint(value >> 7)
