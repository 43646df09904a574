"""Where torch computes."""

import pytest
import torch

from modelkit.devices import pick_device
from servicekit.errors import NotInstalled

HAS_CUDA = torch.cuda.is_available()


def test_cpu_is_always_there() -> None:
    assert pick_device("cpu") == "cpu"


def test_auto_takes_what_is_there() -> None:
    assert pick_device("auto") == ("cuda" if HAS_CUDA else "cpu")


@pytest.mark.skipif(HAS_CUDA, reason="this machine has a CUDA device")
def test_missing_cuda_device_is_told_with_the_way_out() -> None:
    with pytest.raises(NotInstalled, match="set device to auto or cpu"):
        pick_device("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="needs a CUDA device")
def test_cuda_device_is_taken() -> None:
    assert pick_device("cuda") == "cuda"
