"""A service whose model is a wait: python -m benchmarks.replica NAME ADDRESS SECONDS.

It is served like every service of the mesh, health and drain included. It answers one RPC of its
service, and works on one request at a time, as a model does.
"""

import argparse
import asyncio
from collections.abc import Callable
from hashlib import blake2s
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.image.v1.image_pb2 import Model
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from servicekit.server import Service, run
from servicekit.settings import ServiceSettings

NAMES: Final = {
    "colorize": "imagemesh.colorize.v1.ColorizeService",
    "ocr": "imagemesh.ocr.v1.OcrService",
    "vision": "imagemesh.vision.v1.VisionService",
}

_MODEL: Final = Model(name="replica", version="1", device="cpu")
_COLOURED: Final = b"\xff\xd8\xff\xe0 coloured \xff\xd9"


def text_of(picture: bytes) -> str:
    """Return what a stand-in reads in a picture: so an answer to another request is seen."""
    return blake2s(picture).hexdigest()


def _colour(_: bytes) -> Message:
    return colorize_pb.ColorizeResponse(image=_COLOURED, media_type="image/jpeg", model=_MODEL)


def _read(request: bytes) -> Message:
    text = text_of(ocr_pb.RecognizeRequest.FromString(request).image)
    return ocr_pb.RecognizeResponse(text=text, model=_MODEL)


def _label(_: bytes) -> Message:
    label = vision_pb.Label(tag="one", confidence=1)
    return vision_pb.ClassifyResponse(labels=[label], model=_MODEL)


# Of each service, the path of the RPC that is asked, and what answers it.
ANSWERS: Final[dict[str, tuple[str, Callable[[bytes], Message]]]] = {
    "colorize": (f"/{NAMES['colorize']}/Colorize", _colour),
    "ocr": (f"/{NAMES['ocr']}/Recognize", _read),
    "vision": (f"/{NAMES['vision']}/Classify", _label),
}


class Replica:
    """The one RPC.

    Args:
        name: of the service.
        seconds: what one request takes.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._model = asyncio.Lock()

    # Any: a context of bytes, which no generated type knows.
    async def _answer(self, request: bytes, _: Any) -> bytes:
        async with self._model:
            await asyncio.sleep(self._seconds)
        return ANSWERS[self._name][1](request).SerializeToString()

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPC to a server."""
        path, _ = ANSWERS[self._name]
        handler: Any = self._answer  # Any: the stubs know only synchronous handlers
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            path.rpartition("/")[2]: grpc.unary_unary_rpc_method_handler(handler)
        }
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(NAMES[self._name], handlers),)
        )


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="Stand in for a replica of a service.")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("address", help="host:port")
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()
    replica = Replica(arguments.name, arguments.seconds)
    service = Service(NAMES[arguments.name], replica.register, _load_nothing, close=lambda: None)
    host, _, port = arguments.address.rpartition(":")
    run(service, ServiceSettings(host=host, port=int(port), metrics_port=0))


async def _load_nothing() -> None:
    """There is no model."""


if __name__ == "__main__":
    main()
