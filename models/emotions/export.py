"""Write the trained emotion network as the graph that ships: python -m models.emotions.export."""

from pathlib import Path

import cyclopts
import torch

from models.training.export import graph_of, halve_weights, trained_state
from vision.emotions import FACE_SIZE_PX
from vision.networks import EmotionNetwork

GRAPH = Path("services/vision/src/vision/weights/emotions.onnx")


def main(
    *,
    weights: Path = Path(".train/emotions/weights.safetensors"),
    graph: Path = GRAPH,
) -> None:
    """Write the graph.

    Args:
        weights: Of the network.
        graph: File to write.
    """
    network = EmotionNetwork()
    network.network.load_state_dict(trained_state(weights))
    graph.write_bytes(emotions_graph(network.eval()))


def emotions_graph(network: EmotionNetwork) -> bytes:
    """Return the graph from uint8 faces to probabilities, kernels in float16."""
    faces = torch.randint(0, 255, (2, 1, FACE_SIZE_PX, FACE_SIZE_PX), dtype=torch.uint8)
    graph = graph_of(
        network, faces, inputs=["faces"], outputs=["probabilities"], free=[{0: "count"}]
    )
    return halve_weights(graph)


if __name__ == "__main__":
    cyclopts.run(main)
