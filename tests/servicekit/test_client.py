"""Channels survive restarts and refusals of their services."""

import socket
from typing import Any

import grpc
import pytest

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from servicekit.client import open_channel
from servicekit.limits import MAX_IMAGE_BYTES, MAX_MESSAGE_BYTES
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from tests.servicekit.echo import Echo


def settings(port: int = 0) -> ServiceSettings:
    return ServiceSettings(port=port, metrics_port=0)


async def test_largest_image_passes_and_more_is_refused() -> None:
    async with (
        serving(Echo().service(), settings()) as port,
        open_channel(f"localhost:{port}") as channel,
    ):
        stub = rpc.OcrServiceStub(channel)
        most = await stub.AnalyzeText(pb.AnalyzeTextRequest(text="x" * MAX_IMAGE_BYTES))

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.AnalyzeText(pb.AnalyzeTextRequest(text="x" * (MAX_MESSAGE_BYTES + 1)))

    assert most.seconds == MAX_IMAGE_BYTES
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_absent_service_is_unavailable_and_found_when_it_comes() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    async with open_channel(f"127.0.0.1:{port}") as channel:
        stub = rpc.OcrServiceStub(channel)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.AnalyzeText(pb.AnalyzeTextRequest(text="early"))
        async with serving(Echo().service(), settings(port)):
            late = await stub.AnalyzeText(
                pb.AnalyzeTextRequest(text="late"), wait_for_ready=True, timeout=10
            )

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert late.seconds == 4


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_what_a_stopping_server_refuses_is_sent_again(code: grpc.StatusCode) -> None:
    refusals = [code]

    async def answer(_: bytes, context: Any) -> bytes:  # Any: a context of bytes
        if refusals:
            await context.abort(refusals.pop(), "stopping")
        return pb.AnalyzeTextResponse(seconds=1).SerializeToString()

    handler: Any = answer  # Any: the stubs know only synchronous handlers
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "AnalyzeText": grpc.unary_unary_rpc_method_handler(handler)
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("imagemesh.ocr.v1.OcrService", methods),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with open_channel(f"127.0.0.1:{port}") as channel:
            answered = await rpc.OcrServiceStub(channel).AnalyzeText(pb.AnalyzeTextRequest())
    finally:
        await server.stop(None)

    assert answered.seconds == 1
