"""Weights of a file in the graph of their entry; the graph is that of a service."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from modelkit.manifest import InstalledModel, load_manifest
from modelkit.published import open_installed
from modelkit.runtime import Runtime
from modelkit.weights import Weights
from servicekit.errors import ModelNotInstalled
from tests.models.stand_in_weights import listed_shapes

(ENTRY,) = (entry for entry in load_manifest("vision") if entry.name == "marqo-nsfw-384")
GRAPH = ENTRY.graph or ""


def weights() -> Weights:
    random = np.random.default_rng(3)
    return {
        name: random.uniform(-0.1, 0.1, shape).astype(np.float32)
        for name, shape in listed_shapes(GRAPH).items()
    }


def installed(folder: Path, state: Weights) -> InstalledModel:
    path = folder / ENTRY.file
    save_file(state, path)
    return InstalledModel(ENTRY, path)


def test_graph_computes_with_the_weights_of_the_file(tmp_path: Path) -> None:
    """With the last layer's weights at zero, its bias is the answer."""
    state = weights() | {"head.weight": np.zeros((2, 192), np.float32)}

    network = open_installed(Runtime(), installed(tmp_path, state))

    (answer,) = network.run(np.zeros((1, 3, 384, 384), np.float32))
    np.testing.assert_allclose(answer[0], state["head.bias"], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("head.bias", None, "head.bias is missing"),
        ("head.bias", np.zeros(3, np.float32), "head.bias is (3,), not (2,)"),
        ("more", np.zeros(1, np.float32), "more is left over"),
    ],
)
def test_weights_of_another_network_are_refused(
    tmp_path: Path,
    name: str,
    values: "np.ndarray[tuple[int], np.dtype[np.float32]] | None",
    fault: str,
) -> None:
    state = weights()
    state.pop(name, None)
    if values is not None:
        state[name] = values

    with pytest.raises(ModelNotInstalled) as caught:
        open_installed(Runtime(), installed(tmp_path, state))

    assert str(caught.value) == f"weights of model marqo-nsfw-384 do not fit its graph: {fault}"


def test_file_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ENTRY.file
    path.write_bytes(b"an answer of a proxy")

    with pytest.raises(ModelNotInstalled, match="cannot be read"):
        open_installed(Runtime(), InstalledModel(ENTRY, path))
