"""Minimal proxy, a baseline for the gateway: python -m benchmarks.bare_proxy PORT SERVICE.

Starlette on uvicorn with grpc.aio, on the same libraries for JSON and forms as the gateway. It
reads an image, calls Classify of the service at that address and answers in JSON, and checks
nothing.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import cyclopts
import grpc
import msgspec
import uvicorn
from multipart import (  # type: ignore[import-untyped]  # a single module without py.typed
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from servicekit.limits import MAX_MESSAGE_BYTES

_OPTIONS = (("grpc.max_send_message_length", MAX_MESSAGE_BYTES),)


def main(port: int, service: str) -> None:
    """Serve until the process is ended."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:  # Any: Starlette's state
        async with grpc.aio.insecure_channel(service, options=_OPTIONS) as channel:
            yield {"vision": rpc.VisionServiceStub(channel)}

    routes = [Route("/api/v1/classify", _classify, methods=["POST"])]
    uvicorn.run(
        Starlette(routes=routes, lifespan=lifespan),
        port=port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )


async def _classify(request: Request) -> Response:
    body = await request.body()
    content_type = request.headers["content-type"]
    if content_type == "application/json":
        image = msgspec.convert(msgspec.json.decode(body)["image"], bytes)  # from base64
    else:
        image = _read_form(body, content_type)
    answer = await request.state.vision.Classify(pb.ClassifyRequest(image=image), timeout=60)
    labels = [{"tag": label.tag, "confidence": label.confidence} for label in answer.labels]
    return Response(msgspec.json.encode({"result": labels}), media_type="application/json")


def _read_form(body: bytes, content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    content = bytearray()
    with PushMultipartParser(options["boundary"]) as parser:
        for event in parser.parse(body):
            if event and not isinstance(event, MultipartSegment):
                content += event
    return bytes(content)


if __name__ == "__main__":
    cyclopts.run(main)
