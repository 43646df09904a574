"""Write the trained color network as the graph that ships: python -m models.colorize.export."""

import argparse
from pathlib import Path

import torch

from colorize.network import STRIDE_PX, ChromaNetwork
from models.training.export import graph_of, halve_weights, trained_state

GRAPH = Path("services/colorize/src/colorize/weights/colorize.onnx")
# Chosen on 250 photos of `eval/photos`, see the card: how far the weights of bins in the loss are
# taken back (1 is entirely), the temperature of the annealed mean, and the factor of the chroma.
CORRECTION = 1.0
TEMPERATURE = 1.0
GAIN = 1.8


def main() -> None:
    """Write the graph."""
    parser = argparse.ArgumentParser(description="Export the color network.")
    parser.add_argument("--weights", type=Path, default=Path(".train/colorize/weights.safetensors"))
    parser.add_argument("--graph", type=Path, default=GRAPH)
    parser.add_argument("--correction", type=float, default=CORRECTION)
    parser.add_argument("--temperature", type=float, default=TEMPERATURE)
    parser.add_argument("--gain", type=float, default=GAIN)
    arguments = parser.parse_args()
    state = trained_state(arguments.weights)
    network = ChromaNetwork(len(state["lifts"]))
    network.network.load_state_dict(state)
    settle(
        network,
        correction=arguments.correction,
        temperature=arguments.temperature,
        gain=arguments.gain,
    )
    arguments.graph.write_bytes(colorize_graph(network.eval()))


@torch.no_grad()
def settle(network: ChromaNetwork, *, correction: float, temperature: float, gain: float) -> None:
    """Choose how a pixel's color is taken from its distribution over bins."""
    network.correction.fill_(correction)
    network.sharpness.fill_(1 / temperature)
    network.gain.fill_(gain)


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
    main()
