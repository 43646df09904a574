"""Graphs without weights, which a service ships for weights that other projects publish."""

import json
from importlib import resources
from pathlib import Path

import numpy as np

from modelkit.manifest import InstalledModel
from modelkit.runtime import Network, Runtime
from modelkit.weights import UnreadableWeightsError, Weights, mismatches, read_weights
from servicekit.errors import ModelNotInstalled


def open_installed(
    runtime: Runtime, found: InstalledModel, *, keeps_memory: bool = True
) -> Network:
    """Return the network of an installed model: a graph, or weights for the graph of its entry.

    Beside the graph lies its list of weights, a JSON file of the names and shapes of `used` and
    `unused` ones. The file must hold exactly these.

    Args:
        runtime: Opens the graph.
        found: The model.
        keeps_memory: Whether what one run took is kept for the next one.

    Raises:
        ModelNotInstalled: The weights are not those of the graph.
        NotInstalled: As `Runtime.open`.
    """
    if found.entry.graph is None:
        return runtime.open(found.path, sizes_vary=not keeps_memory)
    package, _, name = found.entry.graph.partition("/")
    graph = resources.files(package).joinpath(name)
    listed = json.loads(graph.with_suffix(".json").read_text("utf-8"))  # type: ignore[attr-defined]  # it is a path
    weights = _read(found.path, found.entry.name, {**listed["used"], **listed["unused"]})
    used = {name: np.ascontiguousarray(weights[name], np.float32) for name in listed["used"]}
    return runtime.open(graph.read_bytes(), weights=used, sizes_vary=not keeps_memory)


def _read(path: Path, model: str, shapes: dict[str, list[int]]) -> Weights:
    try:
        weights = read_weights(path)
    except UnreadableWeightsError as error:
        raise ModelNotInstalled(f"model {model} cannot be read: {error}") from error
    if faults := mismatches(weights, shapes):
        raise ModelNotInstalled(f"weights of model {model} do not fit its graph: {faults[:500]}")
    return weights
