"""Files of the face networks, made to take any size."""

from pathlib import Path

import numpy as np
import pytest

from modelkit.manifest import find_model, load_manifest
from modelkit.runtime import Runtime
from vision.onnx_network import as_tensor, free_size

SHAPE = (10, 3, 32, 32)


@pytest.fixture(scope="module")
def centerface() -> Path:
    return find_model(load_manifest("vision"), "faces", models_dir=Path("unused")).path


@pytest.mark.parametrize("size", [(32, 32), (64, 160)])
def test_freed_network_takes_one_image_of_any_size(centerface: Path, size: tuple[int, int]) -> None:
    network = Runtime().open(free_size(centerface.read_bytes(), SHAPE), outputs=["537"])

    (heat,) = network.run(np.zeros((1, 3, *size), np.float32))

    assert heat.shape == (1, 1, size[0] // 4, size[1] // 4)


def test_file_of_another_shape_is_refused(centerface: Path) -> None:
    with pytest.raises(ValueError, match="no single input of shape"):
        free_size(centerface.read_bytes(), (1, 3, 640, 640))


def test_tensor_has_channels_first_and_black_to_whole_strides() -> None:
    image = np.arange(2 * 40 * 3, dtype=np.uint8).reshape(2, 40, 3)

    tensor = as_tensor(image)

    assert tensor.shape == (1, 3, 32, 64)
    assert tensor.dtype == np.float32
    assert tensor[0, 1, 1, 39] == image[1, 39, 1]
    assert tensor[0, :, 2:].max() == tensor[0, :, :, 40:].max() == 0
