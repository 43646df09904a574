"""Models that every server serves alike, and the orders that a server gets in its environment.

Imported in the environment of each peer: it needs what requirements/model.in names, no more.

The scripted model does as each request says, which is a word and a name, such as `poison 7`:

    say NAME        is answered
    poison NAME     raises an error, which fails every batch that holds it
    die NAME        raises SystemExit, which ends a thread or a process
    crash NAME      ends the process, as a fault in native code does
    hold NAME       takes a second
    hang NAME       takes a minute
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

import vision
from modelkit.images import ImageLimits, decode_image
from vision.classifier import cut_squares

BATCH = 8
RUN_LIMIT_S = 3  # for servers that can be told how long a batch may take
BATCH_S, ITEM_S = 0.060, 0.005  # as a model on a small GPU
HOLD_S, HANG_S = 1.0, 60.0
ECHOED_BYTES = 4
_VARIABLE = "BENCHMARK_ORDERS"


@dataclass(frozen=True, slots=True)
class Orders:
    """Settings of a server, for frameworks that start their processes themselves.

    Attributes:
        port: Port to listen on.
        model: "echo", "classify" or "scripted".
        batch: Most requests in a batch; with 1 the server does not batch.
        window_s: Seconds that a framework with a batch window waits.
        graph: ONNX file of the classifier.
        executed: File to which the scripted model writes its requests.
    """

    port: int
    model: str
    batch: int = BATCH
    window_s: float = 0.005
    graph: str = ""
    executed: str = ""

    def to_environment(self) -> dict[str, str]:
        """Return the variable that carries the orders."""
        return {_VARIABLE: json.dumps(asdict(self))}


def read_orders() -> Orders:
    """Return the orders of this process."""
    return Orders(**json.loads(os.environ[_VARIABLE]))  # noqa: TID251 - peers know no settings of ours


class Model(Protocol):
    """Model of a server."""

    def answer_all(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Return an answer to each request of a batch."""
        ...


class Echo:
    """Model that computes nothing, so that a request costs only the server."""

    def answer_all(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Return the end of each request in hexadecimal digits, which tells answers apart."""
        return [bytes(body[-ECHOED_BYTES:]).hex().encode() for body in bodies]


class PhotoClassifier:
    """The vision service's classifier in ONNX Runtime, on one thread, one image at a time."""

    def __init__(self, graph: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        tags = Path(str(vision.__file__)).with_name("imagenet.tags.json")
        self._tags: list[str] = json.loads(tags.read_text(encoding="utf-8"))

    def prepare(self, body: bytes) -> NDArray[np.uint8]:
        """Decode an image and return its squares, (1 to 3, side, side, 3)."""
        return cut_squares(decode_image(body, ImageLimits()).pixels)

    def answer_all(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Return the most probable tag of each image."""
        shares = (self.run(self.prepare(body)).mean(axis=0) for body in bodies)
        return [self._tags[one.argmax()].encode() for one in shares]

    def run(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities of squares, (count, 1000)."""
        (probabilities,) = self._session.run(None, {self._input: squares})
        return np.asarray(probabilities)


class ScriptedModel:
    """Model that takes the time of a GPU but no processor, and does as its requests say."""

    def __init__(self, executed: str) -> None:
        self._executed = Path(executed)

    def answer_all(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Write the requests to the file and do as they say."""
        lines = [bytes(body).decode() for body in bodies]
        with self._executed.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        words = {line.split()[0] for line in lines}
        if "hang" in words:
            time.sleep(HANG_S)
        time.sleep(HOLD_S if "hold" in words else BATCH_S + ITEM_S * len(lines))
        if "crash" in words:
            os._exit(1)
        if "die" in words:
            raise SystemExit(1)
        if "poison" in words:
            raise ValueError("one of these cannot be read")
        return [line.encode() for line in lines]


def load_model(orders: Orders) -> Model:
    """Return the model that the orders name."""
    if orders.model == "classify":
        return PhotoClassifier(orders.graph)
    return ScriptedModel(orders.executed) if orders.model == "scripted" else Echo()
