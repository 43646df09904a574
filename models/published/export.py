"""Write the graphs of published networks, without weights: python -m models.published.export.

A service fills its graph with the weights that were pulled, so that no torch is needed where it
runs and no file is written between; see `modelkit.published`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from models.published.ddcolor import LARGE, DdColor
from models.published.siggraph17 import Siggraph17, example
from models.published.vision_transformer import VisionTransformer
from models.training.export import graph_of

COLORIZE = Path("services/colorize/src/colorize/graphs")
VISION = Path("services/vision/src/vision/graphs")
NSFW_SIDE_PX = 384
NSFW_CLASSES = 2

_COUNTERS = "num_batches_tracked"  # of batch norms: only training uses them


def main() -> None:
    """Write all graphs and their lists of weights."""
    torch.set_num_threads(1)
    transformer = VisionTransformer(NSFW_SIDE_PX, classes=NSFW_CLASSES)
    ddcolor = DdColor(LARGE)
    write(VISION / "vit-tiny-384.onnx", transformer, transformer.example())
    write(COLORIZE / "siggraph17.onnx", Siggraph17(), example())
    write(COLORIZE / "ddcolor-large.onnx", ddcolor, ddcolor.example())


def write(path: Path, network: nn.Module, image: Tensor) -> None:
    """Write the graph of a network and, beside it, the names and shapes of its weights.

    Args:
        path: Of the graph.
        network: Of one input and one output.
        image: To trace it with; the graph takes its size.
    """
    randomize(network)
    model = onnx.load_from_string(
        graph_of(network.eval(), image, inputs=["input"], outputs=["output"], free=[{}])
    )
    shapes = {
        name: list(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTERS)
    }
    used = {one.name for one in model.graph.initializer}
    if left := used - shapes.keys():
        raise RuntimeError(f"the graph has weights of its own: {', '.join(sorted(left))}")
    _drop_weights(model)
    _shorten_names(model, kept={*shapes, "input", "output", ""})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    lists = {
        "used": {name: shape for name, shape in shapes.items() if name in used},
        "unused": {name: shape for name, shape in shapes.items() if name not in used},
    }
    path.with_suffix(".json").write_text(_one_a_line(lists), "utf-8")
    print(f"wrote {path}: {path.stat().st_size:,} bytes, {len(used)} weights")


def randomize(network: nn.Module, *, seed: int = 0) -> None:
    """Give a network random weights, no two alike: the exporter joins equal ones.

    Args:
        network: Its variances and spectral norms stay well above 0.
        seed: Of the numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        is_positive = name.endswith(("running_var", "weight_u", "weight_v", "weight_orig", "std"))
        low = 0.5 if is_positive else -0.5
        nn.init.uniform_(tensor, low, low + 1, generator=generator)
        if tensor.dim() > 1:
            tensor.mul_(2 / tensor[0].numel() ** 0.5)


def _one_a_line(lists: Mapping[str, Mapping[str, Sequence[int]]]) -> str:
    """Return JSON with one weight in a line."""
    parts = []
    for name, shapes in lists.items():
        lines = ",\n".join(
            f"{json.dumps(key)}: {json.dumps(shape)}" for key, shape in shapes.items()
        )
        parts.append(f'"{name}": {{\n{lines}\n}}')
    return "{" + ",\n".join(parts) + "}\n"


def _drop_weights(model: onnx.ModelProto) -> None:
    """Mark all weights as external, as ONNX Runtime expects those that a session is given."""
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="given")
    del model.metadata_props[:]


def _shorten_names(model: onnx.ModelProto, *, kept: set[str]) -> None:
    """Number the values of a graph: their names are most of its size."""
    del model.graph.value_info[:]
    numbers: dict[str, str] = {}
    for node in model.graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        for values in (node.input, node.output):
            for index, name in enumerate(values):
                if name not in kept:
                    values[index] = numbers.setdefault(name, f"{len(numbers)}")


if __name__ == "__main__":
    main()
