"""Networks of published weights: their graphs answer as they do, and list their weights."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modelkit.runtime import Runtime
from models.published.ddcolor import LARGE, DdColor, Variant
from models.published.export import (
    COLORIZE,
    NSFW_CLASSES,
    NSFW_SIDE_PX,
    VISION,
    randomize,
    write,
)
from models.published.siggraph17 import Siggraph17
from models.published.vision_transformer import VisionTransformer
from tests.models.stand_in_weights import listed_shapes

SMALL = Variant(
    (1, 1, 2, 1), (8, 16, 24, 32), 32, queries=5, width=16, heads=4, hidden=24, layers=4
)
ROOT = Path(__file__).parents[2]


def answers(graph: Path, network: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the answers of a graph that is given the weights of a network, and of the network."""
    lists = json.loads(graph.with_suffix(".json").read_text("utf-8"))
    state = network.state_dict()
    weights = {name: state[name].numpy() for name in lists["used"]}
    (found,) = Runtime().open(graph, weights=weights).run(image.numpy())
    with torch.inference_mode():
        return torch.from_numpy(found), network.eval()(image)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (VisionTransformer(32, classes=3, width=12, heads=3, depth=2, patch_px=8), (1, 3, 32, 32)),
        (DdColor(SMALL, 64), (1, 3, 64, 64)),
    ],
    ids=["vision-transformer", "ddcolor"],
)
def test_graph_given_weights_answers_as_the_network(
    tmp_path: Path, network: nn.Module, shape: tuple[int, ...]
) -> None:
    write(tmp_path / "small.onnx", network, torch.rand(shape))
    randomize(network, seed=5)  # others than those that it was exported with

    found, expected = answers(tmp_path / "small.onnx", network, torch.rand(shape))

    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("graph", "network", "shape"),
    [
        (VISION / "vit-tiny-384.onnx", VisionTransformer, (1, 3, 384, 384)),
        (COLORIZE / "siggraph17.onnx", Siggraph17, (1, 1, 256, 256)),
    ],
)
def test_shipped_graph_answers_as_the_network(
    graph: Path, network: type[nn.Module], shape: tuple[int, ...]
) -> None:
    made = network() if network is Siggraph17 else network(NSFW_SIDE_PX, classes=NSFW_CLASSES)
    randomize(made, seed=6)

    found, expected = answers(ROOT / graph, made, torch.rand(shape))

    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_shipped_list_of_weights_is_that_of_the_network() -> None:
    with torch.device("meta"):
        networks = {
            "colorize/graphs/siggraph17.onnx": Siggraph17(),
            "colorize/graphs/ddcolor-large.onnx": DdColor(LARGE),
            "vision/graphs/vit-tiny-384.onnx": VisionTransformer(
                NSFW_SIDE_PX, classes=NSFW_CLASSES
            ),
        }

    for graph, network in networks.items():
        expected = {
            name: list(tensor.shape)
            for name, tensor in network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        assert listed_shapes(graph) == expected
