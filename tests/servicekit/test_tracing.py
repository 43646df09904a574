"""Spans of a gRPC service at a collector."""

import asyncio
import json
from time import monotonic
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from scripts.ports import free_ports
from servicekit.client import open_channel
from servicekit.logs import configure_logs
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from servicekit.tracing.opening import open_traces
from servicekit.tracing.otlp import FLUSH_S
from tests.collector import CollectedSpan, collecting
from tests.servicekit.echo import NAME, Echo
from tests.serving import connected

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
CANARY = "sesame"
ANALYZE, DOCUMENT = f"{NAME}/AnalyzeText", f"{NAME}/RecognizeDocument"


def settings(url: str) -> ServiceSettings:
    return ServiceSettings(port=0, metrics_port=0, otlp_endpoint=url)


async def ask(echo: Echo, text: str, **metadata: str) -> tuple[CollectedSpan, bytes]:
    """Ask a service for an analysis; return the span that it leaves, and all that it sent."""
    async with (
        collecting() as collector,
        connected(echo.service(), settings(collector.url)) as channel,
    ):
        call = rpc.OcrServiceStub(channel).AnalyzeText(
            pb.AnalyzeTextRequest(text=text), metadata=tuple(metadata.items()), timeout=0.5
        )
        await asyncio.gather(call, return_exceptions=True)
    return collector.of("ocr", ANALYZE), b"".join(collector.received)


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


async def test_rpc_goes_on_with_the_trace_of_its_caller(echo: Echo) -> None:
    span, _ = await ask(echo, "hello", traceparent=TRACEPARENT)

    assert (span.trace_id, span.parent_id, span.kind) == (TRACE_ID, PARENT_ID, "SERVER")
    assert not span.has_failed


async def test_rpc_without_one_begins_a_trace(echo: Echo) -> None:
    span, _ = await ask(echo, "hello", traceparent="no such thing")

    assert span.parent_id == ""
    assert span.trace_id != TRACE_ID


@pytest.mark.parametrize(
    ("text", "code", "has_failed"),
    [
        ("hello", "OK", False),
        ("unreadable", "INVALID_ARGUMENT", False),
        ("missing", "FAILED_PRECONDITION", False),
        ("bug", "INTERNAL", True),
    ],
)
async def test_span_has_the_status_and_the_request_id(
    echo: Echo, text: str, code: str, *, has_failed: bool
) -> None:
    span, _ = await ask(echo, text, **{"x-request-id": "r-1"})

    assert span.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": ANALYZE,
        "rpc.response.status_code": code,
        "imagemesh.request_id": "r-1",
    }
    assert span.has_failed is has_failed


async def test_span_of_a_cancelled_rpc_ends(echo: Echo) -> None:
    span, _ = await ask(echo, "wait")

    assert span.attributes["rpc.response.status_code"] in {"CANCELLED", "DEADLINE_EXCEEDED"}


@pytest.mark.parametrize("text", [CANARY, "bug"])
async def test_nothing_of_a_request_but_its_id_is_sent(echo: Echo, text: str) -> None:
    said = dict.fromkeys(("tracestate", "baggage", "x-caller", "x-api-key"), f"word={CANARY}")

    _, sent = await ask(echo, text, traceparent=TRACEPARENT, **said)

    assert CANARY.encode() not in sent
    assert b"secret path" not in sent  # the words of the error


async def test_stream_is_one_span(echo: Echo) -> None:
    async with (
        collecting() as collector,
        connected(echo.service(), settings(collector.url)) as channel,
    ):
        call = rpc.OcrServiceStub(channel).RecognizeDocument(pb.RecognizeDocumentRequest())
        pages = [answer.page.number async for answer in call]

    assert pages == [1, 2]
    assert collector.of("ocr", DOCUMENT).attributes["rpc.response.status_code"] == "OK"


async def test_log_lines_have_the_id_of_the_trace(
    echo: Echo, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", log_format="json")

    span, _ = await ask(echo, "hello")

    (line,) = [line for line in capsys.readouterr().out.splitlines() if '"event": "rpc"' in line]
    assert json.loads(line)["trace_id"] == span.trace_id


async def test_caller_leaves_a_span_that_the_service_continues(echo: Echo) -> None:
    async with collecting() as collector, serving(echo.service(), settings(collector.url)) as own:
        traces = open_traces("caller", settings(collector.url))
        async with open_channel(at(own), interceptors=traces.channel) as channel:
            stub = rpc.OcrServiceStub(channel)
            await stub.AnalyzeText(pb.AnalyzeTextRequest(text="hello"))
            pages = [page async for page in stub.RecognizeDocument(pb.RecognizeDocumentRequest())]
        await traces.close()
        for name in (ANALYZE, DOCUMENT):
            assert collector.of("caller", name).kind == "CLIENT"

    assert len(pages) == 2
    for name in (ANALYZE, DOCUMENT):
        asked, answered = collector.of("caller", name), collector.of("ocr", name)
        assert (answered.trace_id, answered.parent_id) == (asked.trace_id, asked.span_id)


async def test_span_of_a_caller_says_how_the_rpc_failed(echo: Echo) -> None:
    async with collecting() as collector, serving(echo.service(), settings(collector.url)) as own:
        traces = open_traces("caller", settings(collector.url))
        async with open_channel(at(own), interceptors=traces.channel) as channel:
            call = rpc.OcrServiceStub(channel).AnalyzeText(pb.AnalyzeTextRequest(text="unreadable"))
            with pytest.raises(grpc.aio.AioRpcError):
                await call
        await traces.close()

    span = collector.of("caller", ANALYZE)
    assert span.attributes["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert span.has_failed


async def test_probes_leave_no_spans(echo: Echo) -> None:
    async with (
        collecting() as collector,
        serving(echo.service(), settings(collector.url)) as own,
    ):
        traces = open_traces("caller", settings(collector.url))
        async with open_channel(at(own), interceptors=traces.channel) as channel:
            # Any: its stubs know no methods
            stub: Any = health_pb2_grpc.HealthStub(channel)
            await stub.Check(health_pb2.HealthCheckRequest(service=NAME))
        await traces.close()

    assert collector.spans == []


async def test_collector_that_is_away_costs_one_warning(
    echo: Echo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    configure_logs("info", log_format="json")
    (nobody,) = free_ports(1)
    async with connected(echo.service(), settings(f"http://127.0.0.1:{nobody}")) as channel:
        stub = rpc.OcrServiceStub(channel)
        for _ in range(20):  # more than are sent at once
            answer = await stub.AnalyzeText(pb.AnalyzeTextRequest(text="hello"), timeout=5)
            assert answer.seconds == 5
        stopped_s = monotonic()
    took_s = monotonic() - stopped_s

    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (warning,) = [line for line in logged if line["level"] == "warning"]
    assert warning["event"].startswith("span export failed")
    assert took_s < FLUSH_S + 1


async def test_environment_names_the_process_and_the_share(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "reader")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    async with (
        collecting() as collector,
        connected(echo.service(), settings(collector.url)) as channel,
    ):
        stub = rpc.OcrServiceStub(channel)
        await stub.AnalyzeText(pb.AnalyzeTextRequest())
        metadata = (("traceparent", TRACEPARENT),)
        await stub.AnalyzeText(pb.AnalyzeTextRequest(), metadata=metadata)

    assert collector.of("reader", ANALYZE).trace_id == TRACE_ID
    assert b"deployment.environment.name" in b"".join(collector.received)
