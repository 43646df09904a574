"""Graphs with the signature of models that are not at hand."""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper


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


def make_face_graph() -> bytes:
    """Return a graph of the signature of YuNet: a bright square of 32 px is a face of twice that.

    Its constants are nodes: weights that are no inputs came after the version of the format that
    `free_size` writes.
    """
    nodes, outputs = [], []
    for stride in (8, 16, 32):
        nodes += _grid_of(stride, weight=float(stride == 32) / 255)
        outputs += [
            helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, [None] * 3)
            for kind in ("cls", "obj", "bbox")
        ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "stand-in", [image], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _grid_of(stride: int, *, weight: float) -> list[NodeProto]:
    """Return the nodes of one grid: the mean of each cell is its score, its box is fixed."""
    kernel = np.full((1, 3, stride, stride), weight / (3 * stride**2), np.float32)
    scores, boxes = np.array([1, -1, 1]), np.array([[[0.5, 0.5, 0.7, 0.7]]], np.float32)
    constants = {"kernel": kernel, "shape": scores, "boxes": boxes, "zero": np.zeros(1, np.float32)}
    return [
        *(
            helper.make_node(
                "Constant", [], [f"{name}_{stride}"], value=numpy_helper.from_array(value)
            )
            for name, value in constants.items()
        ),
        helper.make_node(
            "Conv", ["input", f"kernel_{stride}"], [f"cells_{stride}"], strides=[stride] * 2
        ),
        helper.make_node("Reshape", [f"cells_{stride}", f"shape_{stride}"], [f"cls_{stride}"]),
        helper.make_node("Identity", [f"cls_{stride}"], [f"obj_{stride}"]),
        helper.make_node("Mul", [f"cls_{stride}", f"zero_{stride}"], [f"nothing_{stride}"]),
        helper.make_node("Add", [f"nothing_{stride}", f"boxes_{stride}"], [f"bbox_{stride}"]),
    ]
