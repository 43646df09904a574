"""Loops without a server, which servers are compared with.

    python -m benchmarks.serving.loops KIND IMAGE

For the seconds that each line of stdin names, the loop works on the image and begins anew; then it
prints how often that was. Kinds: `bare loop` decodes, prepares and classifies, `decoding` only
decodes, `graph` only runs ONNX Runtime, `eager torch` only runs the same network in torch.
"""

import importlib
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from time import monotonic

import cyclopts
import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.model import PhotoClassifier, read_orders
from modelkit.images import ImageLimits, decode_image
from servicekit.memory import return_freed_memory


class Kind(StrEnum):
    """Work of a loop."""

    BARE = "bare loop"
    DECODING = "decoding"
    GRAPH = "graph"
    TORCH = "eager torch"


def main(kind: str, image: Path) -> None:
    """Work whenever a line says so."""
    return_freed_memory()
    work = make_work(Kind(kind), image.read_bytes())
    for line in sys.stdin:
        ends_s = monotonic() + float(line)
        images = 0
        while monotonic() < ends_s:
            work()
            images += 1
        print(images, flush=True)


def make_work(kind: Kind, image: bytes) -> Callable[[], object]:
    """Return a function that does the work of a loop once."""
    if kind == Kind.DECODING:
        limits = ImageLimits()
        return lambda: decode_image(image, limits)
    classifier = PhotoClassifier(read_orders().graph)
    if kind == Kind.BARE:
        return lambda: classifier.answer_all([image])
    squares = classifier.prepare(image)
    return _torch_work(squares) if kind == Kind.TORCH else lambda: classifier.run(squares)


def _torch_work(squares: NDArray[np.uint8]) -> Callable[[], object]:
    # Here, because no other loop needs torch.
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    network = importlib.import_module("vision.networks").ImageNetNetwork().eval()
    pixels = torch.from_numpy(squares)

    def run() -> object:
        with torch.inference_mode():
            return network(pixels)

    return run


if __name__ == "__main__":
    cyclopts.run(main)
