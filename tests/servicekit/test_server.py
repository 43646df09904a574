"""Server of a service: errors, deadlines, limits, health, drain and metrics."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from scripts.ports import free_port
from servicekit.client import open_channel
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from tests.servicekit.echo import NAME, Echo
from tests.serving import connected, failure


def settings(**changes: Any) -> ServiceSettings:  # Any: the values of any field
    return ServiceSettings(**{"port": 0, "metrics_port": 0, **changes})


@pytest.fixture
async def stub(echo: Echo) -> AsyncIterator["rpc.OcrServiceAsyncStub"]:
    service = replace(echo.service(), default_deadline_s=0.2)
    async with connected(service, settings(max_concurrent_rpcs=2)) as channel:
        yield rpc.OcrServiceStub(channel)


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("unreadable", grpc.StatusCode.INVALID_ARGUMENT, "unreadable_image"),
        ("missing", grpc.StatusCode.FAILED_PRECONDITION, "model_not_installed"),
        ("bug", grpc.StatusCode.INTERNAL, "internal"),
        ("wait", grpc.StatusCode.DEADLINE_EXCEEDED, "deadline_exceeded"),
    ],
)
async def test_error_becomes_its_status_and_reason(
    stub: "rpc.OcrServiceAsyncStub", text: str, code: grpc.StatusCode, reason: str
) -> None:
    *found, message = await failure(stub.AnalyzeText(pb.AnalyzeTextRequest(text=text)))

    assert found == [code, reason]
    assert "secret" not in message


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x7f"])
@pytest.mark.parametrize("method", ["AnalyzeText", "RecognizeDocument"])
async def test_broken_message_names_no_class_of_python(
    echo: Echo, method: str, content: bytes
) -> None:
    async with (
        serving(echo.service(), settings()) as port,
        grpc.aio.insecure_channel(f"localhost:{port}") as channel,
    ):
        # Any: without a serializer the request is bytes.
        unary: Any = channel.unary_unary(f"/{NAME}/{method}")
        stream: Any = channel.unary_stream(f"/{NAME}/{method}")
        is_stream = method == "RecognizeDocument"
        code, reason, message = await failure(
            stream(content).read() if is_stream else unary(content)
        )

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request")
    assert "protobuf message" in message
    assert "class" not in message
    assert "Error" not in message


async def test_deadline_of_the_caller_reaches_the_handler(
    stub: "rpc.OcrServiceAsyncStub", echo: Echo
) -> None:
    call = stub.AnalyzeText(pb.AnalyzeTextRequest(text="wait"), timeout=0.1)
    code, *_ = await failure(call)

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    await echo.cancelled.wait()


async def pages(stub: "rpc.OcrServiceAsyncStub", language: str) -> AsyncIterator[int]:
    request = pb.RecognizeDocumentRequest(language=language)
    async for response in stub.RecognizeDocument(request):
        yield response.page.number


@pytest.mark.parametrize(
    ("language", "code", "reason"),
    [
        ("unreadable", grpc.StatusCode.INVALID_ARGUMENT, "unreadable_image"),
        ("bug", grpc.StatusCode.INTERNAL, "internal"),
        ("wait", grpc.StatusCode.DEADLINE_EXCEEDED, "deadline_exceeded"),
    ],
)
async def test_error_within_a_stream_becomes_its_status(
    stub: "rpc.OcrServiceAsyncStub", language: str, code: grpc.StatusCode, reason: str
) -> None:
    numbers = pages(stub, language)
    first = await anext(numbers)
    *found, message = await failure(anext(numbers))

    assert (first, *found) == (1, code, reason)
    assert "secret" not in message


async def test_stream_ends_when_its_caller_goes(
    stub: "rpc.OcrServiceAsyncStub", echo: Echo
) -> None:
    call = stub.RecognizeDocument(pb.RecognizeDocumentRequest(language="wait"), timeout=60)
    await call.read()
    await echo.arrived.wait()
    call.cancel()

    await asyncio.wait_for(echo.cancelled.wait(), 10)


async def test_full_server_refuses_at_once_but_answers_health(echo: Echo) -> None:
    async with connected(echo.service(), settings(max_concurrent_rpcs=1)) as channel:
        stub = rpc.OcrServiceStub(channel)
        first = stub.AnalyzeText(pb.AnalyzeTextRequest(text="wait"))
        await echo.arrived.wait()

        code, *_ = await failure(stub.AnalyzeText(pb.AnalyzeTextRequest(text="hello")))
        health = await check(channel, NAME)
        echo.release.set()

        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert health == health_pb2.HealthCheckResponse.SERVING
        assert (await first).seconds == 4


async def check(channel: grpc.aio.Channel, name: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)  # Any: its stubs know no methods
    response = await stub.Check(health_pb2.HealthCheckRequest(service=name), wait_for_ready=True)
    return int(response.status)


async def test_serves_only_once_the_models_are_loaded() -> None:
    echo = Echo(is_loaded=False)
    entered = asyncio.Event()
    leave = asyncio.Event()

    async def serve(port: int) -> None:
        async with serving(echo.service(), settings(port=port)):
            entered.set()
            await leave.wait()

    port = free_port()
    server = asyncio.create_task(serve(port))
    async with open_channel(f"localhost:{port}") as channel:
        before = await check(channel, NAME)
        echo.loaded.set()
        await entered.wait()
        after = await check(channel, NAME)
    leave.set()
    await server

    assert before == health_pb2.HealthCheckResponse.NOT_SERVING
    assert after == health_pb2.HealthCheckResponse.SERVING


async def test_stop_ends_the_wait_for_the_models() -> None:
    echo = Echo(is_loaded=False)
    stop = asyncio.Event()
    stop.set()

    async with serving(echo.service(), settings(), stop=stop):
        pass

    assert echo.closed


async def test_taken_port_is_an_error(echo: Echo) -> None:
    async with serving(echo.service(), settings()) as port:
        with pytest.raises(RuntimeError, match="bind"):
            async with serving(Echo().service(), settings(port=port)):
                pass


async def test_reflection_lists_the_service(echo: Echo) -> None:
    async with connected(echo.service(), settings()) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]  # its stubs know only the synchronous channel
        call = stub.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        names = {
            service.name
            async for response in call
            for service in response.list_services_response.service
        }

    assert {NAME, "grpc.health.v1.Health"} <= names


async def test_metrics_count_codes_and_models(echo: Echo) -> None:
    metrics_port = free_port()
    async with connected(echo.service(), settings(metrics_port=metrics_port)) as channel:
        await rpc.OcrServiceStub(channel).AnalyzeText(pb.AnalyzeTextRequest(text="hello"))
        page = await asyncio.to_thread(read, f"http://127.0.0.1:{metrics_port}/metrics")

    assert 'imagemesh_rpc_seconds_count{code="OK",method="AnalyzeText"} 1.0' in page
    labels = 'device="cpu",method="AnalyzeText",model="echo",provider="CPUExecutionProvider"'
    assert f"imagemesh_model_answers_total{{{labels}" in page


def read(url: str) -> str:
    with urlopen(url) as response:
        return str(response.read().decode())
