"""Random weights in place of published ones: as many, named and shaped alike."""

import io
import json
from collections.abc import Mapping, Sequence
from importlib import resources

import torch
from safetensors.torch import save
from torch import Tensor

from modelkit.manifest import ModelEntry


def listed_shapes(graph: str) -> Mapping[str, Sequence[int]]:
    """Return the shapes of all weights of a shipped graph, by name."""
    package, _, name = graph.partition("/")
    text = resources.files(package).joinpath(name.replace(".onnx", ".json")).read_text("utf-8")
    lists = json.loads(text)
    return {**lists["used"], **lists["unused"]}


def stand_in_file(entry: ModelEntry) -> bytes:
    """Return a file of the format of a model's weights, with random ones."""
    assert entry.graph is not None
    generator = torch.Generator().manual_seed(1)
    weights: dict[str, Tensor] = {}
    for name, shape in listed_shapes(entry.graph).items():
        values = torch.rand(*shape, generator=generator)
        weights[name] = values + 0.5 if name.endswith("running_var") else (values - 0.5) / 8
    if entry.file.endswith(".safetensors"):
        return save(weights)
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()
