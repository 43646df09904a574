"""What the gateway is compared with, each a process of its own: python -m benchmarks.stand_ins.

    python -m benchmarks.stand_ins service PORT
    python -m benchmarks.stand_ins bare PORT SERVICE_PORT

`service` answers gRPC calls at once, so that nothing waits for a model. `bare` is the least that
could stand before it: Starlette on uvicorn with grpc.aio, on the same libraries for JSON and forms
as the gateway. It reads a picture, asks, and answers in JSON, and checks nothing.
"""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import msgspec
import uvicorn
import uvloop
from multipart import (  # type: ignore[import-untyped]  # a single module without py.typed
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imagemesh.image.v1.image_pb2 import Model
from imagemesh.ocr.v1 import analysis_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as vision_rpc
from servicekit.limits import MAX_MESSAGE_BYTES

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)
_MODEL = Model(name="stand-in", version="1", device="cpu")
_LABELS = [vision_pb.Label(tag=f"label {rank}", confidence=0.5**rank) for rank in range(1, 6)]

_Context = grpc.aio.ServicerContext[Any, Any]  # Any: not used


class _Vision(vision_rpc.VisionServiceServicer):
    async def Classify(  # noqa: N802 - the name of the RPC
        self, _: vision_pb.ClassifyRequest, __: _Context
    ) -> vision_pb.ClassifyResponse:
        return vision_pb.ClassifyResponse(labels=_LABELS, model=_MODEL, seconds=0.001)


class _Ocr(ocr_rpc.OcrServiceServicer):
    async def AnalyzeText(  # noqa: N802 - as above
        self, request: ocr_pb.AnalyzeTextRequest, _: _Context
    ) -> ocr_pb.AnalyzeTextResponse:
        sentiment = analysis_pb2.Sentiment(
            label=analysis_pb2.SENTIMENT_LABEL_POSITIVE, confidence=0.9
        )
        analysis = analysis_pb2.Analysis(
            summary=request.text, sentiment=sentiment, tags=["one", "two"], language="en"
        )
        return ocr_pb.AnalyzeTextResponse(analysis=analysis, model=_MODEL, seconds=0.001)


async def _serve(port: int) -> None:
    server = grpc.aio.server(options=_OPTIONS)
    vision = _Vision()  # type: ignore[abstract]  # nobody asks for its other RPCs
    ocr = _Ocr()  # type: ignore[abstract]  # the same
    vision_rpc.add_VisionServiceServicer_to_server(vision, server)
    ocr_rpc.add_OcrServiceServicer_to_server(ocr, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def _bare(service: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:  # Any: Starlette's state
        async with grpc.aio.insecure_channel(service, options=_OPTIONS) as channel:
            vision = vision_rpc.VisionServiceStub(channel)
            yield {"vision": vision, "ocr": ocr_rpc.OcrServiceStub(channel)}

    routes = [
        Route("/healthz", _healthz),
        Route("/api/v1/classify", _classify, methods=["POST"]),
        Route("/api/v1/analyzed-text", _analyze, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _healthz(_: Request) -> Response:
    return Response(b"{}")


async def _classify(request: Request) -> Response:
    body = await request.body()
    content_type = request.headers["content-type"]
    if content_type == "application/json":
        image = msgspec.convert(msgspec.json.decode(body)["image"], bytes)  # from base64
    else:
        image = _read_form(body, content_type)
    message = vision_pb.ClassifyRequest(image=image, limit=5)
    answer = await request.state.vision.Classify(message, timeout=60)
    labels = [{"tag": label.tag, "confidence": label.confidence} for label in answer.labels]
    return _json({"result": labels})


async def _analyze(request: Request) -> Response:
    text = msgspec.json.decode(await request.body())["text"]
    message = ocr_pb.AnalyzeTextRequest(text=text)
    analysis = (await request.state.ocr.AnalyzeText(message, timeout=60)).analysis
    sentiment = {"sentiment": "positive", "confidence": analysis.sentiment.confidence}
    result = {
        "text": {"full": text, "summary": analysis.summary},
        "sentiment": sentiment,
        "tags": ", ".join(analysis.tags),
    }
    return _json({"result": result})


def _read_form(body: bytes, content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    content = bytearray()
    with PushMultipartParser(options["boundary"]) as parser:
        for event in parser.parse(body):
            if event and not isinstance(event, MultipartSegment):
                content += event
    return bytes(content)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def main() -> None:
    """Serve until the process is ended."""
    kind, port, *service = sys.argv[1:]
    if kind == "service":
        uvloop.run(_serve(int(port)))
        return
    uvicorn.run(
        _bare(f"127.0.0.1:{service[0]}"),
        port=int(port),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
