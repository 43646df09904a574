"""Write the trained emotion networks as the graph that ships: python -m models.emotions.export."""

import argparse
from pathlib import Path

import torch

from modelkit.torch_network import load_module
from models.training.export import graph_of, halve_weights, trained_state
from vision.emotions import FACE_SIZE_PX
from vision.networks import EmotionNetwork

GRAPH = Path("services/vision/src/vision/weights/emotions.onnx")


def main() -> None:
    """Write the graph."""
    parser = argparse.ArgumentParser(description="Export the emotion network.")
    parser.add_argument("--weights", type=Path, default=Path(".train/emotions/weights.safetensors"))
    parser.add_argument(
        "--narrow", type=Path, help="weights; those of the shipped graph unless told"
    )
    parser.add_argument("--graph", type=Path, default=GRAPH)
    arguments = parser.parse_args()
    network = EmotionNetwork()
    network.wide.load_state_dict(trained_state(arguments.weights))
    if arguments.narrow is None:
        shipped = load_module(GRAPH, "vision.networks:EmotionNetwork")
        network.narrow.load_state_dict(shipped.get_submodule("narrow").state_dict())
    else:
        network.narrow.load_state_dict(trained_state(arguments.narrow))
    arguments.graph.write_bytes(emotions_graph(network.eval()))


def emotions_graph(network: EmotionNetwork) -> bytes:
    """Return the graph from uint8 faces to probabilities, kernels in float16."""
    faces = torch.randint(0, 255, (2, 1, FACE_SIZE_PX, FACE_SIZE_PX), dtype=torch.uint8)
    graph = graph_of(
        network, faces, inputs=["faces"], outputs=["probabilities"], free=[{0: "count"}]
    )
    return halve_weights(graph)


if __name__ == "__main__":
    main()
