"""Choice of the runtime and the device of a network, and their answers."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelkit.runtime import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    TORCH_CUDA,
    DeviceSetting,
    Machine,
    Runtime,
    choose_provider,
    open_session,
)
from servicekit.errors import NotInstalled

CPU_ONLY = Machine((CPU_PROVIDER,), torch_has_cuda=False)
CUDA_ONNX = Machine((CUDA_PROVIDER, CPU_PROVIDER), torch_has_cuda=False)
CUDA_BOTH = Machine((CUDA_PROVIDER, CPU_PROVIDER), torch_has_cuda=True)


def doubling() -> bytes:
    """Return a graph with outputs "twice" and "more"."""
    value = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("twice", "more")
    ]
    nodes = [
        helper.make_node("Add", ["x", "x"], ["twice"]),
        helper.make_node("Add", ["twice", "x"], ["more"]),
    ]
    graph = helper.make_graph(nodes, "doubling", value, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("setting", "machine", "of_torch", "of_others"),
    [
        ("cpu", CUDA_BOTH, CPU_PROVIDER, CPU_PROVIDER),
        ("auto", CPU_ONLY, CPU_PROVIDER, CPU_PROVIDER),
        ("auto", CUDA_ONNX, CUDA_PROVIDER, CUDA_PROVIDER),
        ("auto", CUDA_BOTH, TORCH_CUDA, CUDA_PROVIDER),
        ("cuda", CUDA_ONNX, CUDA_PROVIDER, CUDA_PROVIDER),
        ("cuda", CUDA_BOTH, TORCH_CUDA, CUDA_PROVIDER),
    ],
)
def test_provider_follows_the_setting_and_the_machine(
    setting: DeviceSetting, machine: Machine, of_torch: str, of_others: str
) -> None:
    assert choose_provider(setting, machine, has_torch_network=True) == of_torch
    assert choose_provider(setting, machine, has_torch_network=False) == of_others


@pytest.mark.parametrize("has_torch_network", [True, False])
def test_cuda_that_cannot_be_had_is_an_error(*, has_torch_network: bool) -> None:
    with pytest.raises(NotInstalled, match="set device to auto or cpu"):
        choose_provider("cuda", CPU_ONLY, has_torch_network=has_torch_network)


def test_onnx_network_without_a_cuda_provider_is_an_error_beside_torch_on_a_gpu() -> None:
    with pytest.raises(NotInstalled, match="onnxruntime-gpu"):
        choose_provider(
            "cuda", Machine((CPU_PROVIDER,), torch_has_cuda=True), has_torch_network=False
        )


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_provider_that_does_not_start_is_an_error_and_no_silent_cpu() -> None:
    with pytest.raises(NotInstalled, match="could not start CUDAExecutionProvider"):
        open_session(doubling(), CUDA_PROVIDER, threads=1)


@pytest.mark.parametrize(
    ("setting", "machine", "uses"),
    [("cpu", CUDA_BOTH, False), ("auto", CPU_ONLY, False), ("auto", CUDA_BOTH, True)],
)
def test_gpu_is_used_where_there_is_one_and_it_may_be(
    setting: DeviceSetting, machine: Machine, *, uses: bool
) -> None:
    assert Runtime(setting, machine=machine).uses_gpu is uses


@pytest.mark.parametrize(("outputs", "expected"), [(None, [[2, 4], [3, 6]]), (["more"], [[3, 6]])])
def test_network_answers_the_outputs_asked_for(
    outputs: Sequence[str] | None, expected: list[list[float]]
) -> None:
    network = Runtime().open(doubling(), outputs=outputs)

    answers = network.run(np.array([1, 2], np.float32))

    assert [answer.tolist() for answer in answers] == expected
    assert (network.device, network.provider) == ("cpu", CPU_PROVIDER)
