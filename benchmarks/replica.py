"""A service whose model only waits: python -m benchmarks.replica NAME ADDRESS SECONDS.

It is served as every service is, health and drain included. It answers one RPC of its service, and
works on one request at a time, as a model does.
"""

import asyncio
from collections.abc import Callable
from hashlib import blake2s
from typing import Any, Final

import cyclopts
import grpc
from google.protobuf.message import Message

from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.image.v1.image_pb2 import Model
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from servicekit.server import Service, run
from servicekit.settings import ServiceSettings

_MODEL: Final = Model(name="replica", version="1", device="cpu")
_COLORED: Final = b"\xff\xd8\xff\xe0 colored \xff\xd9"


def text_of(image: bytes) -> str:
    """Return the text that a replica reads in an image, which tells answers apart."""
    return blake2s(image).hexdigest()


def _colorize(_: bytes) -> Message:
    return colorize_pb.ColorizeResponse(image=_COLORED, media_type="image/jpeg", model=_MODEL)


def _recognize(request: bytes) -> Message:
    text = text_of(ocr_pb.RecognizeRequest.FromString(request).image)
    return ocr_pb.RecognizeResponse(text=text, model=_MODEL)


def _classify(_: bytes) -> Message:
    label = vision_pb.Label(tag="one", confidence=1)
    return vision_pb.ClassifyResponse(labels=[label], model=_MODEL)


ANSWERS: Final[dict[str, tuple[str, Callable[[bytes], Message]]]] = {
    "colorize": ("/imagemesh.colorize.v1.ColorizeService/Colorize", _colorize),
    "ocr": ("/imagemesh.ocr.v1.OcrService/Recognize", _recognize),
    "vision": ("/imagemesh.vision.v1.VisionService/Classify", _classify),
}
"""Of each service, the path of the RPC and its answer."""


class Replica:
    """Servicer of the one RPC of a service, with the seconds that a request takes."""

    def __init__(self, name: str, seconds: float) -> None:
        path, self._to_answer = ANSWERS[name]
        self.service, self._method = path[1:].split("/")
        self._seconds = seconds
        self._model = asyncio.Lock()

    # Any: a context of bytes, which no generated type knows.
    async def _answer(self, request: bytes, _: Any) -> bytes:
        async with self._model:
            await asyncio.sleep(self._seconds)
        return self._to_answer(request).SerializeToString()

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPC to a server."""
        handler: Any = self._answer  # Any: the stubs know only synchronous handlers
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            self._method: grpc.unary_unary_rpc_method_handler(handler)
        }
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(self.service, handlers),)
        )


def main(name: str, address: str, seconds: float) -> None:
    """Serve until SIGTERM or SIGINT."""
    replica = Replica(name, seconds)
    service = Service(replica.service, replica.register, _load_nothing, close=lambda: None)
    host, _, port = address.rpartition(":")
    run(service, ServiceSettings(host=host, port=int(port), metrics_port=0))


async def _load_nothing() -> None:
    """There is no model."""


if __name__ == "__main__":
    cyclopts.run(main)
