"""Graphs with the signature of models that are not at hand."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def make_graph(
    *, side: int = 260, logits: tuple[float, ...] = (0.0,) * 8, reddened: int = 4
) -> bytes:
    """Return a graph of the signature of enet_b2_8: the mean of red is added to one logit."""
    nodes = [
        helper.make_node("ReduceMean", ["input", "space"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "red"], ["shift"]),
        helper.make_node("Add", ["shift", "logits"], ["output"]),
    ]
    red = np.zeros((3, len(logits)), np.float32)
    red[0, reddened] = 1
    weights = {
        "space": np.array([2, 3]),
        "red": red,
        "logits": np.array(logits, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, side, side])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", len(logits)])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()
