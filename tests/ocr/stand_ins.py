"""Recognizer with the signature of PP-OCRv5's: it reads a letter in the color of a column."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from modelkit.images import RgbImage

CYRILLIC = "\u0436\u0434\u043e\u043c\u043a\u0442"  # zhe, de, o, em, ka, te
COLUMN_PX = 8
# Of the letters in their order, then of the space; grey is the blank.
COLORS = (
    (255, 255, 255),
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (0, 0, 0),
)
_SHARPNESS = 4.0


def make_recognizer(letters: str | None, *, height: int = 48, classes: int = 8) -> bytes:
    """Return a graph (lines, 3, height, width) to (lines, width / 8, classes).

    It takes BGR from -1 to 1, as PP-OCR's recognizers do; so only an input prepared like theirs has
    the colors that it knows.
    """
    bgr = [np.array(color[::-1]) / 127.5 - 1 for color in COLORS]
    known = np.array([np.zeros(3), *bgr])[:classes].T.astype(np.float32)
    weights = {
        "colors": _SHARPNESS * 2 * known,
        "lengths": -_SHARPNESS * (known**2).sum(axis=0),
        "rows": np.array([2], np.int64),
    }
    window = [height, COLUMN_PX]
    nodes = [
        helper.make_node("AveragePool", ["x"], ["means"], kernel_shape=window, strides=window),
        helper.make_node("Squeeze", ["means", "rows"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["columns", "colors"], ["near"]),
        helper.make_node("Add", ["near", "lengths"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["y"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["lines", 3, height, "width"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["lines", "columns", classes])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if letters is not None:
        helper.set_model_props(model, {"character": "\n".join(letters)})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def paint_line(classes: Sequence[int]) -> RgbImage:
    """Return a line of 48 pixels with two columns for each letter and a blank between them."""
    columns = [(128, 128, 128)]
    for one in classes:
        columns += [COLORS[one], COLORS[one], (128, 128, 128)]
    row = np.repeat(np.array(columns, np.uint8), COLUMN_PX, axis=0)
    return np.ascontiguousarray(np.broadcast_to(row, (48, *row.shape)))
