"""The trace of a request from the gateway to the services, and what is never in it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.hosting.hosted import RESULTS_PATH
from scripts.ports import free_ports
from tests.collector import Collector, collecting
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, gateway_settings, running
from tests.gateway.services import serving_all
from tests.gateway.stage import BUG, WAIT, WORDS_OF_BUG, Stage
from tests.gateway.uploads import base64, defer, ended

CANARY = "sesame"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
GOOD = {"image": base64()}
CLASSIFY = "imagemesh.vision.v1.VisionService/Classify"
ROUTE = "POST /api/v1/classify"


@asynccontextmanager
async def traced(
    folder: Path, collector: Collector, stage: Stage | None = None
) -> AsyncIterator[Gateway]:
    """Run a gateway and services that send what they have when they end."""
    url = collector.url
    async with serving_all(stage or Stage(), traced_to=url) as addresses:
        settings = gateway_settings(folder, otlp_endpoint=url, **addresses)
        async with running(settings) as gateway:
            yield gateway


async def test_one_trace_leads_from_the_gateway_to_the_service_and_to_their_log_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with collecting() as collector, traced(tmp_path, collector) as gateway:
        reply = await gateway.post("classify", GOOD, X_Request_Id="r-1")

    request = collector.of("gateway", ROUTE)
    asked, answered = collector.of("gateway", CLASSIFY), collector.of("vision", CLASSIFY)
    assert (reply.status, len(collector.spans)) == (200, 3)
    assert (request.kind, asked.kind, answered.kind) == ("SERVER", "CLIENT", "SERVER")
    assert request.trace_id == asked.trace_id == answered.trace_id
    assert (request.parent_id, asked.parent_id) == ("", request.span_id)
    assert answered.parent_id == asked.span_id
    assert request.seconds >= asked.seconds >= answered.seconds > 0
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    lines = [line for line in logged if line.get("request_id") == "r-1"]
    assert {line["event"] for line in lines} == {"request", "rpc"}
    assert {line["trace_id"] for line in lines} == {request.trace_id}


async def test_span_has_route_status_and_request_id(tmp_path: Path) -> None:
    asked = {
        "/api/v1/languages": ("/api/v1/languages", 401),
        f"{RESULTS_PATH}/{CANARY}": (RESULTS_PATH + "/{name}", 404),
        f"/{CANARY}": ("other", 404),
    }
    async with collecting() as collector, traced(tmp_path, collector) as gateway:
        for path in asked:
            await gateway.send("GET", path, headers={"X-Request-Id": "r-1"})

    for route, status in asked.values():
        span = collector.of("gateway", f"GET {route}")
        assert span.attributes == {
            "http.request.method": "GET",
            "http.route": route,
            "http.response.status_code": status,
            "imagemesh.request_id": "r-1",
        }
        assert not span.has_failed


async def test_fault_of_a_service_is_a_failure_of_every_span(tmp_path: Path) -> None:
    async with collecting() as collector, traced(tmp_path, collector) as gateway:
        reply = await gateway.post("classify", {"image": base64(IMAGE + BUG)})

    assert reply.status == 500
    assert [one.has_failed for one in collector.spans] == [True, True, True]
    assert WORDS_OF_BUG.encode() not in b"".join(collector.received)


async def test_nothing_that_a_caller_sends_is_in_a_trace(tmp_path: Path) -> None:
    words = CANARY.encode()
    names = ("tracestate", "baggage", "User_Agent", "Idempotency_Key")
    headers = {"traceparent": TRACEPARENT, **dict.fromkeys(names, f"word={CANARY}")}
    async with collecting() as collector, traced(tmp_path, collector) as gateway:
        async with listening(image_answer(IMAGE + words)) as origin:
            url = origin.url(f"/{CANARY}.gif?{CANARY}={CANARY}")
            assert (await gateway.post("classify", {"url": url}, **headers)).status == 200
        await gateway.post("analyzed-text", {"text": CANARY})
        await gateway.post(CANARY, {CANARY: CANARY})
        await gateway.send("GET", f"{RESULTS_PATH}/{CANARY}?{CANARY}")
        key = gateway.key

    sent = b"".join(collector.received)
    assert b"/api/v1/analyzed-text" in sent  # there is something to look through
    for secret in (
        words,
        key.encode(),
        key.split("_")[3].encode(),
        IMAGE,
        b"127.0.0.1",
        b"tests",
    ):
        assert secret not in sent


async def test_trace_of_the_caller_leads_to_its_job(tmp_path: Path) -> None:
    async with collecting() as collector, traced(tmp_path, collector) as gateway:
        accepted = await defer(gateway, "classify", GOOD, traceparent=TRACEPARENT)
        await ended(gateway, accepted)

    request, answered = collector.of("gateway", ROUTE), collector.of("vision", CLASSIFY)
    assert request.attributes["http.response.status_code"] == 202
    assert request.parent_id == PARENT_ID
    assert answered.trace_id == request.trace_id == TRACE_ID


async def test_caller_that_hangs_up_is_in_its_trace(tmp_path: Path) -> None:
    stage = Stage()
    async with collecting() as collector, traced(tmp_path, collector, stage) as gateway:
        request = asyncio.create_task(gateway.post("classify", {"image": base64(IMAGE + WAIT)}))
        await stage.waiting.wait()
        request.cancel()
        await stage.cancelled.wait()

    assert collector.of("gateway", ROUTE).attributes["http.response.status_code"] == 499
    asked = collector.of("gateway", CLASSIFY)
    assert asked.attributes["rpc.response.status_code"] == "CANCELLED"


async def test_probes_leave_no_trace(tmp_path: Path) -> None:
    async with collecting() as collector, traced(tmp_path, collector) as gateway:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await gateway.get(path)).status == 200

    assert collector.spans == []


async def test_collector_that_is_away_harms_no_request(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    async with traced(tmp_path, Collector(nobody)) as gateway:
        replies = await asyncio.gather(*(gateway.post("classify", GOOD) for _ in range(50)))

    assert {reply.status for reply in replies} == {200}


def test_without_a_collector_the_library_is_not_imported(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from gateway.app import build_app
from tests.gateway.running import gateway_settings

build_app(gateway_settings(Path(sys.argv[1])))
# Of redis' own accord there is what it needs for metrics.
library = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.proto")
print([name for name in sys.modules if name.startswith((*library, "servicekit.tracing.spans"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
