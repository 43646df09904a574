"""Write the trained sentiment network as its graph: python -m models.sentiment.export."""

from pathlib import Path

import cyclopts
import torch

from models.sentiment.networks import WIDTH, SentimentNetwork
from models.training.export import graph_of, halve_weights, trained_state

GRAPH = Path("services/ocr/src/ocr/weights/sentiment.onnx")


def main(
    *, weights: Path = Path(".train/sentiment/weights.safetensors"), graph: Path = GRAPH
) -> None:
    """Write the graph."""
    network = SentimentNetwork()
    network.load_state_dict(trained_state(weights))
    graph.write_bytes(sentiment_graph(network.eval()))


def sentiment_graph(network: SentimentNetwork) -> bytes:
    """Return the graph from states and tokens to logits, matrices in float16."""
    states, tokens = torch.rand(2, 8, WIDTH), torch.ones(2, 8, dtype=torch.int64)
    axes = {0: "count", 1: "length"}
    graph = graph_of(
        network,
        states,
        tokens,
        inputs=["states", "tokens"],
        outputs=["logits"],
        free=[axes, axes],
    )
    return halve_weights(graph)


if __name__ == "__main__":
    cyclopts.run(main)
