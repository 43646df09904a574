"""Envoy sends traces where the collector is, and only when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from benchmarks.running_envoy import http_client, running_envoy
from scripts.envoy_on_loopback import free_ports, new_places

README = Path(__file__).parents[2] / "deploy" / "README.md"
COLLECTOR = "opentelemetry.proto.collector.trace.v1.TraceService"
NOBODY = ("gateway", "authz", "colorize", "ocr", "vision")
ENOUGH = 10  # requests; Envoy sends five spans at once


class Collector:
    """Takes spans.

    Attributes:
        got: set when the first came.
    """

    def __init__(self) -> None:
        self.got = asyncio.Event()

    async def export(self, request: bytes, _: Any) -> bytes:  # Any: a context of bytes
        """Take what Envoy sends."""
        if b"service.name" in request and b"/healthz" in request:
            self.got.set()
        return b""


@asynccontextmanager
async def collecting(collector: Collector) -> AsyncIterator[int]:
    """Serve the collector and yield its port."""
    handler: Any = grpc.unary_unary_rpc_method_handler(collector.export)  # Any: it is a coroutine
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(COLLECTOR, {"Export": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@pytest.mark.parametrize("is_told", [True, False])
async def test_traces_are_sent_when_asked_for(tmp_path: Path, *, is_told: bool) -> None:
    collector = Collector()
    async with collecting(collector) as port:
        nobody = {name: [one] for name, one in zip(NOBODY, free_ports(5), strict=True)}
        places = new_places(tmp_path, {**nobody, "otel-collector": [port]})
        options = ("--config-yaml", option_in_readme()) if is_told else ()
        envoy = running_envoy(places, tmp_path, options=options)
        async with envoy, http_client(places) as http:
            for _ in range(ENOUGH):
                async with http.get("/healthz") as answer:
                    assert answer.status == 503  # there is no gateway
            if is_told:
                await asyncio.wait_for(collector.got.wait(), 20)

    assert collector.got.is_set() is is_told


def option_in_readme() -> str:
    """Return what README.md says that Envoy must be told."""
    (line,) = [line for line in README.read_text().splitlines() if "--config-yaml" in line]
    return line.partition("'")[2].rpartition("'")[0]
