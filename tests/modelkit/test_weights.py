"""Files of weights, read without torch; torch and safetensors write them here."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch._utils import _rebuild_tensor_v2

from modelkit.weights import UnreadableWeightsError, mismatches, read_weights


class Called:
    """Object whose pickle runs a function when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return a call."""
        return print, ("called",)


def state() -> dict[str, Tensor]:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(4, 5).double())
    turned = torch.rand(4, 6).t()
    shared = torch.rand(10)
    return {
        **network.state_dict(),
        "turned": turned,
        "part": shared[3:7:2],
        "again": shared[:2],
        "scalar": torch.tensor(2.5),
        "half": torch.rand(3).half(),
        "empty": torch.zeros(0, 3),
    }


def assert_equal(found: dict[str, Any], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].dtype == tensor.numpy().dtype


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("is_zip", [True, False])
def test_file_of_torch_is_read_as_torch_reads_it(
    tmp_path: Path, *, is_zip: bool, wrapped: bool
) -> None:
    path = tmp_path / "weights.pth"
    content = {"params": state()} if wrapped else OrderedDict(state())
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)

    assert_equal(read_weights(path), state())


def test_safetensors_are_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    kept = {name: tensor.contiguous() for name, tensor in state().items()}
    save_file({name: tensor.clone() for name, tensor in kept.items()}, path)

    assert_equal(read_weights(path), kept)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("content", [{"a": Called()}, Called(), {"a": nn.ReLU()}])
def test_pickle_that_calls_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, *, is_zip: bool
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)

    with pytest.raises(UnreadableWeightsError, match="weights must be tensors"):
        read_weights(path)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [{"epoch": 3, "lr": 0.1}, [1, 2], {}, {"a": {}}])
def test_file_without_tensors_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)

    with pytest.raises(UnreadableWeightsError, match="holds"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", pickle.dumps({"a": 1})])
def test_other_file_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)

    with pytest.raises(UnreadableWeightsError):
        read_weights(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("is_zip", [True, False])
def test_file_that_is_cut_is_refused(tmp_path: Path, share: float, *, is_zip: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.rand(5000)}, path, _use_new_zipfile_serialization=is_zip)
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])

    with pytest.raises(UnreadableWeightsError):
        read_weights(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (11,), (1,)), (4, (2, 4), (4, 1)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (-3,), (1,))],
)
def test_tensor_beyond_its_storage_is_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    """The pickle of a storage of ten numbers and a tensor of another place in it."""

    class Tensors(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return ("storage", torch.FloatStorage, "0", "cpu", 10) if obj == "values" else None

        def reducer_override(self, obj: object) -> Any:  # Any: what pickle takes
            if obj is marker:
                place: tuple[object, ...] = ("values", offset, shape, strides, False, OrderedDict())
                return _rebuild_tensor_v2, place
            return NotImplemented

    marker = Called()
    index = io.BytesIO()
    Tensors(index, protocol=2).dump({"a": marker})
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", index.getvalue())
        archive.writestr("archive/data/0", bytes(40))

    with pytest.raises(UnreadableWeightsError, match="beyond its storage"):
        read_weights(path)


def test_mismatches_are_named() -> None:
    weights = {"a": np.zeros(2), "b": np.zeros((2, 3)), "n.num_batches_tracked": np.zeros(())}

    faults = mismatches(weights, {"b": [3, 2], "c": [1]})

    assert faults == "a is left over; b is (2, 3), not (3, 2); c is missing"
    assert mismatches(weights, {"a": [2], "b": [2, 3]}) == ""
