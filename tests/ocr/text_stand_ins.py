"""Graphs with the signatures of the text models of the profile full."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from modelkit.runtime import Array

GOOD_TOKEN = 2204  # "good" in the vocabulary of MiniLM and DistilBERT
BEGIN, PAD, END = 0, 1, 2

_Shape: TypeAlias = list[str | int]
_Value: TypeAlias = tuple[str, int, _Shape]

_OPSET = [helper.make_opsetid("", 18)]
_INT64, _FLOAT, _BOOL = TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL


def make_polarity() -> bytes:
    """Return a graph (count, length) and its mask to (count, 2): positive where it says "good"."""
    nodes = [
        helper.make_node("Equal", ["input_ids", "good"], ["is_good"]),
        helper.make_node("Cast", ["is_good"], ["ones"], to=_INT64),
        helper.make_node("Mul", ["ones", "attention_mask"], ["seen"]),
        helper.make_node("ReduceMax", ["seen", "last"], ["positive"], keepdims=1),
        helper.make_node("Sub", ["one", "positive"], ["negative"]),
        helper.make_node("Concat", ["negative", "positive"], ["both"], axis=1),
        helper.make_node("Cast", ["both"], ["shares"], to=_FLOAT),
        helper.make_node("Mul", ["shares", "sharpness"], ["logits"]),
    ]
    weights: dict[str, Array] = {
        "good": np.array(GOOD_TOKEN, np.int64),
        "one": np.array(1, np.int64),
        "last": np.array([1], np.int64),
        "sharpness": np.array(6, np.float32),
    }
    row: _Shape = ["count", "length"]
    inputs = [("input_ids", _INT64, row), ("attention_mask", _INT64, row)]
    return _graph(nodes, inputs, [("logits", _FLOAT, ["count", 2])], weights)


def make_words(words: Sequence[str]) -> str:
    """Return the tokenizer.json of these words, with the special tokens of a BART."""
    vocabulary = {"<s>": BEGIN, "<pad>": PAD, "</s>": END, "<unk>": 3}
    vocabulary |= {word: 4 + place for place, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - a token of text
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", END), ("<s>", BEGIN))
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>"])
    return str(tokenizer.to_str())


def make_encoder() -> bytes:
    """Return a graph (1, length) and its mask to states (1, length, 1), which are the tokens."""
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["seen"]),
        helper.make_node("Cast", ["seen"], ["numbers"], to=_FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "last"], ["last_hidden_state"]),
    ]
    row: _Shape = ["count", "length"]
    inputs = [("input_ids", _INT64, row), ("attention_mask", _INT64, row)]
    states: list[_Value] = [("last_hidden_state", _FLOAT, [*row, 1])]
    return _graph(nodes, inputs, states, {"last": np.array([2], np.int64)})


def make_decoder(tokens: int) -> bytes:
    """Return a merged decoder of one layer that copies the text: its cache counts the tokens."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["numbers"], to=_FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "cache_axes"], ["added"]),
    ]
    for part in ("key", "value"):
        past, present = f"past_key_values.0.decoder.{part}", f"present.0.decoder.{part}"
        nodes += [
            helper.make_node("Concat", [past, "added"], [present], axis=2),
            helper.make_node(
                "Unsqueeze", ["encoder_hidden_states", "one"], [f"present.0.encoder.{part}"]
            ),
        ]
    nodes += [
        helper.make_node("Shape", ["present.0.decoder.key"], ["length"], start=2, end=3),
        helper.make_node("Shape", ["encoder_hidden_states"], ["size"], start=1, end=2),
        helper.make_node("Min", ["length", "size"], ["least"]),
        helper.make_node("Sub", ["least", "one"], ["place"]),
        helper.make_node("Gather", ["encoder_hidden_states", "place"], ["next"], axis=1),
        helper.make_node("Squeeze", ["next", "states_axis"], ["number"]),
        helper.make_node("Cast", ["number"], ["token"], to=_INT64),
        helper.make_node("OneHot", ["token", "depth", "values"], ["logits"], axis=-1),
    ]
    weights: dict[str, Array] = {
        "one": np.array([1], np.int64),
        "states_axis": np.array([2], np.int64),
        "cache_axes": np.array([1, 3], np.int64),
        "depth": np.array([tokens], np.int64),
        "values": np.array([0, 9], np.float32),
    }
    cache: _Shape = ["count", 1, "places", 1]
    caches = [f"0.{side}.{part}" for side in ("decoder", "encoder") for part in ("key", "value")]
    inputs: list[_Value] = [
        ("encoder_attention_mask", _INT64, ["count", "size"]),
        ("input_ids", _INT64, ["count", "length"]),
        ("encoder_hidden_states", _FLOAT, ["count", "size", 1]),
        *((f"past_key_values.{name}", _FLOAT, cache) for name in caches),
        ("use_cache_branch", _BOOL, [1]),
    ]
    outputs: list[_Value] = [
        ("logits", _FLOAT, ["count", "length", tokens]),
        *((f"present.{name}", _FLOAT, cache) for name in caches),
    ]
    return _graph(nodes, inputs, outputs, weights)


def _graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[_Value],
    outputs: Sequence[_Value],
    weights: dict[str, Array],
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=_OPSET, ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()
