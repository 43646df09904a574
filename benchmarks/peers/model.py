"""The models that every server serves alike, so that servers differ in nothing but themselves.

Imported in the environment of each peer: it needs what requirements/model.in names, no more.

The scripted model does what each request says: a word and a name, such as `poison 7`.

    say NAME        is answered
    poison NAME     raises, and fails every batch that it is part of
    die NAME        raises SystemExit, which ends a thread or a process
    crash NAME      ends the process, as a fault in native code does
    hold NAME       takes a second
    hang NAME       takes a minute
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from benchmarks.peers.orders import Orders
from modelkit.devices import Device
from modelkit.images import ImageLimits, decode_image
from vision.classifier import ResidualClassifier

BATCH_S, ITEM_S = 0.060, 0.005  # as a model on a small GPU
HOLD_S, HANG_S = 1.0, 60.0
ECHOED_BYTES = 4


class Model(Protocol):
    """What a server is built around; Any: what `prepare` returns is for `answer_all` alone."""

    def prepare(self, body: bytes) -> Any:
        """Return what the model needs of a request."""
        ...

    def answer_all(self, prepared: Sequence[Any]) -> list[bytes]:
        """Return an answer to each request of a batch."""
        ...


class Echo:
    """Computes nothing: what a request costs is the server's."""

    def prepare(self, body: bytes) -> bytes:
        """Return the request."""
        return body

    def answer_all(self, prepared: Sequence[bytes]) -> list[bytes]:
        """Return the end of each request in hexadecimal digits: a crossed answer is seen."""
        return [bytes(body[-ECHOED_BYTES:]).hex().encode() for body in prepared]


class PhotoClassifier:
    """The service's own decoder and classifier, on one processor thread."""

    def __init__(self, weights: str) -> None:
        torch.set_num_threads(1)
        self._classifier = ResidualClassifier(Path(weights), device=Device())
        self._limits = ImageLimits()

    def prepare(self, body: bytes) -> Any:
        """Decode a picture and return what the network sees of it."""
        return self._classifier.prepare(decode_image(body, self._limits).pixels)

    def answer_all(self, prepared: Sequence[Any]) -> list[bytes]:
        """Return the likeliest tag of each picture."""
        return [labels[0].tag.encode() for labels in self._classifier.classify_all(prepared)]


class Actor:
    """Takes the time of a model on a GPU, and no processor; does what its requests say."""

    def __init__(self, executed: str) -> None:
        self._executed = Path(executed)

    def prepare(self, body: bytes) -> bytes:
        """Return the request."""
        return body

    def answer_all(self, prepared: Sequence[bytes]) -> list[bytes]:
        """Write down what is asked, and do it."""
        lines = [bytes(body).decode() for body in prepared]
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
        return PhotoClassifier(orders.weights)
    return Actor(orders.executed) if orders.model == "scripted" else Echo()
