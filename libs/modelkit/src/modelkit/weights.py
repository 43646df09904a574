"""Weights that other projects publish, read without torch: safetensors and files of `torch.save`.

A file of torch is a pickle. It is read by an unpickler that knows six names and no others, so that
it makes tensors or fails: a pickle that calls anything else is refused before the call.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

Weights: TypeAlias = dict[str, NDArray[Any]]  # Any: numbers of any type

_TYPES: Final = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
}
_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C  # of torch before 1.6
_COUNT_BYTES: Final = 8  # before each storage of such a file
_MOST_VALUES: Final = 2**31  # of one storage; a false count would ask for any memory


class UnreadableWeightsError(ValueError):
    """A file holds no weights, or more than weights."""


def read_weights(path: Path) -> Weights:
    """Return the tensors of a file by name.

    Args:
        path: Safetensors by its suffix, else a state_dict of torch, also within a dict of one key.

    Raises:
        UnreadableWeightsError: The file is broken or holds anything but tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    except UnreadableWeightsError:
        raise
    except (
        SafetensorError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        raise UnreadableWeightsError(f"{path.name} is no file of weights: {error}") from error
    return _tensors_of(content, path.name)


def _tensors_of(content: object, name: str) -> Weights:
    if isinstance(content, dict) and len(content) == 1:
        (inner,) = content.values()
        content = inner if isinstance(inner, dict) else content
    if not isinstance(content, dict) or not content:
        raise UnreadableWeightsError(f"{name} holds no state_dict")
    if not all(isinstance(key, str) for key in content) or not all(
        isinstance(value, np.ndarray) for value in content.values()
    ):
        raise UnreadableWeightsError(f"{name} holds more than tensors")
    return dict(content)


class _Unpickler(pickle.Unpickler):
    """Unpickler of tensors alone.

    Args:
        file: The pickle.
        storage: Returns the values of a storage, by its key, type and count.
    """

    def __init__(
        self, file: IO[bytes], storage: Callable[[str, np.dtype[Any], int], NDArray[Any]]
    ) -> None:
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:  # Any: what pickle takes
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) not in known:
            raise UnreadableWeightsError(f"weights must be tensors, not {module}.{name}")
        return known[module, name]

    def persistent_load(self, place: tuple[Any, ...]) -> NDArray[Any]:  # Any: as it comes
        kind, dtype, key, _, count = place[:5]
        if kind != "storage" or not 0 <= count <= _MOST_VALUES:
            raise UnreadableWeightsError("weights must lie in storages")
        return self._storage(str(key), dtype, count)


def _rebuild(
    values: NDArray[Any],
    offset: int,
    shape: Sequence[int],
    strides: Sequence[int],
    *_: object,
) -> NDArray[Any]:
    """Return a view of a storage; see `torch._utils._rebuild_tensor_v2`."""
    lengths = zip(shape, strides, strict=True)
    last = offset + sum((length - 1) * stride for length, stride in lengths)
    if min((offset, *shape, *strides)) < 0 or (0 not in shape and last >= len(values)):
        raise UnreadableWeightsError("a tensor reaches beyond its storage")
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps)


def _read_zip(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = index.removesuffix("data.pkl")
        _check_order(archive, f"{folder}byteorder")
        read: dict[str, NDArray[Any]] = {}

        def storage(key: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
            if key not in read:
                read[key] = np.frombuffer(archive.read(f"{folder}data/{key}"), dtype, count)
            return read[key]

        with archive.open(index) as file:
            return _Unpickler(file, storage).load()


def _check_order(archive: zipfile.ZipFile, name: str) -> None:
    if name in archive.namelist() and archive.read(name) != b"little":
        raise UnreadableWeightsError("weights must be little-endian")


def _read_legacy(path: Path) -> object:
    """Read the format of torch before 1.6: pickles, then the storages one after the other."""
    storages: dict[str, NDArray[Any]] = {}
    most = path.stat().st_size

    def storage(key: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        if count * dtype.itemsize > most:
            raise UnreadableWeightsError("a storage is larger than its file")
        return storages.setdefault(key, np.zeros(count, dtype))

    with path.open("rb") as file:
        magic, _, _ = (_Unpickler(file, storage).load() for _ in range(3))
        if magic != _LEGACY_MAGIC:
            raise UnreadableWeightsError(f"{path.name} is no file of torch")
        content = _Unpickler(file, storage).load()
        for key in _Unpickler(file, storage).load():
            values = storages[str(key)]
            count = int.from_bytes(file.read(_COUNT_BYTES), "little")
            read = file.read(values.nbytes)
            if (count, len(read)) != (len(values), values.nbytes):
                raise UnreadableWeightsError(f"{path.name} ends too early")
            values[:] = np.frombuffer(read, values.dtype)
    return content


def mismatches(weights: Mapping[str, NDArray[Any]], shapes: Mapping[str, Sequence[int]]) -> str:
    """Return how weights differ from what is expected, in words; empty where they do not.

    Args:
        weights: By name.
        shapes: Expected shapes by name; counters of batch norms may be there or not.
    """
    counters = {name for name in {*weights, *shapes} if name.endswith("num_batches_tracked")}
    faults = [f"{name} is missing" for name in shapes if name not in weights.keys() | counters]
    for name, values in weights.items():
        if name in counters:
            continue
        if name not in shapes:
            faults.append(f"{name} is left over")
        elif values.shape != tuple(shapes[name]):
            faults.append(f"{name} is {values.shape}, not {tuple(shapes[name])}")
    return "; ".join(sorted(faults))
