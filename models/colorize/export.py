"""Write the trained color network as the graph that ships: python -m models.colorize.export."""

from pathlib import Path

import cyclopts
import torch

from colorize.network import STRIDE_PX, ChromaNetwork
from models.training.export import graph_of, halve_weights, trained_state

GRAPH = Path("services/colorize/src/colorize/weights/colorize.onnx")
# Chosen on the 250 photos of `eval/photos`, see the card.
REWARD = 0.68
SHARPNESS = 1.3
SOFTNESS = 1.0


def main(
    *,
    weights: Path = Path(".train/colorize/weights.safetensors"),
    graph: Path = GRAPH,
    reward: float = REWARD,
    sharpness: float = SHARPNESS,
    softness: float = SOFTNESS,
) -> None:
    """Export the color network; reward is that of a unit of chroma."""
    state = trained_state(weights)
    network = ChromaNetwork(len(state["lifts"]))
    network.network.load_state_dict(state)
    network.settle(reward=reward, sharpness=sharpness, softness=softness)
    graph.write_bytes(colorize_graph(network.eval()))


def colorize_graph(network: ChromaNetwork) -> bytes:
    """Return the graph from lightness to ab, kernels in float16."""
    lightness = 100 * torch.rand(1, 1, 2 * STRIDE_PX, 3 * STRIDE_PX)
    graph = graph_of(
        network,
        lightness,
        inputs=["lightness"],
        outputs=["chroma"],
        free=[{2: "height", 3: "width"}],
    )
    return halve_weights(graph)


if __name__ == "__main__":
    cyclopts.run(main)
