"""Write networks as ONNX graphs, which the services run."""

import io
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from modelkit.networks.efficientnet import Encoder
from modelkit.runtime import Runtime
from modelkit.torch_network import ALIASES_KEY

MATRIX_AXES = 2  # tensors with fewer axes are vectors


def graph_of(
    network: nn.Module,
    *examples: Tensor,
    inputs: Sequence[str],
    outputs: Sequence[str],
    free: Sequence[Mapping[int, str]],
) -> bytes:
    """Return the ONNX file of a network.

    Args:
        network: Ready to answer, on the CPU.
        examples: Inputs to trace it with.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
        free: For each input the names of the axes that may have any size, by number.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that traces is deprecated. The other one renames every weight.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            examples,
            file,  # type: ignore[arg-type]  # it takes a file, whatever its stubs say
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in zip(inputs, free, strict=True)},
            opset_version=17,
            # Weights keep the names of the module's, which a GPU's torch loads them by; ONNX
            # Runtime folds batch norms into convolutions when it opens the graph.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            dynamo=False,
        )
    model = onnx.load_from_string(file.getvalue())
    _drop_empty_inputs(model)
    _note_aliases(model, network)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _drop_empty_inputs(model: onnx.ModelProto) -> None:
    """Drop inputs that the exporter names "" because they are not given.

    ONNX Runtime joins a padding with the convolution after it, but not where the padding has such
    an input; the copies that it makes instead are a fifth of an EfficientNet's time.
    """
    for node in model.graph.node:
        while node.input and not node.input[-1]:
            node.input.pop()


def _note_aliases(model: onnx.ModelProto, network: nn.Module) -> None:
    """Note in a model which of the network's tensors the exporter joined, as equal ones."""
    state = network.state_dict()
    kept = {one.name for one in model.graph.initializer}
    aliases = {
        name: other
        for name, tensor in state.items()
        for other in sorted(kept & state.keys())
        if name not in kept and torch.equal(tensor, state[other])
    }
    model.metadata_props.add(key=ALIASES_KEY, value=json.dumps(aliases, sort_keys=True))


def halve_weights(graph: bytes) -> bytes:
    """Return an ONNX file whose kernels and matrices are stored in float16.

    ONNX Runtime widens them to float32 once, when it opens the graph. Vectors stay float32: batch
    norms' variances may leave the range of float16.
    """
    model = onnx.load_from_string(graph)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < MATRIX_AXES:
            continue
        wide = f"{tensor.name}/float32"
        for node in model.graph.node:
            for index, name in enumerate(node.input):
                if name == tensor.name:
                    node.input[index] = wide
        casts.append(
            onnx.helper.make_node("Cast", [tensor.name], [wide], to=onnx.TensorProto.FLOAT)
        )
        half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, tensor.name))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


class FrozenEncoder:
    """Encoder that ONNX Runtime computes, three times as fast as torch on a CPU.

    Args:
        encoder: On the CPU; it must not be trained.
        threads: Processor threads to use.
    """

    def __init__(self, encoder: Encoder, *, threads: int) -> None:
        channels = encoder.stem.conv.in_channels
        graph = graph_of(
            encoder.eval(),
            torch.zeros(2, channels, 64, 64),
            inputs=["images"],
            outputs=["stride_4", "stride_8", "stride_16", "stride_32"],
            free=[{0: "count", 2: "height", 3: "width"}],
        )
        self._network = Runtime(threads=threads).open(graph)

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return the features at stride 4, 8, 16 and 32, without gradient."""
        arrays = self._network.run(np.ascontiguousarray(images.numpy()))
        return [
            torch.from_numpy(array).contiguous(memory_format=torch.channels_last)
            for array in arrays
        ]


def trained_state(weights: Path) -> dict[str, Tensor]:
    """Return trained weights in float32.

    Args:
        weights: Safetensors file of a finished run, or checkpoint.pt of one that goes on.
    """
    if weights.suffix == ".pt":
        state = torch.load(weights, map_location="cpu", weights_only=True)["averaged"]
    else:
        state = load_file(weights)
    return {name: tensor.float() for name, tensor in state.items()}
