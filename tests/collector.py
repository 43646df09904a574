"""Collector of traces: a gRPC server that keeps the spans it gets over OTLP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """Received span; `parent_id` is empty for a root, `seconds` is its duration."""

    process: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str | int]
    has_failed: bool
    seconds: float


@dataclass(slots=True)
class Collector:
    """Running collector: its address, the decoded spans and the received bytes."""

    port: int
    spans: list[CollectedSpan] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """URL of the collector for a process."""
        return f"http://127.0.0.1:{self.port}"

    def of(self, process: str, name: str) -> CollectedSpan:
        """Return the only span of that name that came from a process."""
        (found,) = [one for one in self.spans if (one.process, one.name) == (process, name)]
        return found

    async def until(self, process: str, *, count: int = 1) -> list[CollectedSpan]:
        """Wait for so many spans of a process, and return those that came."""
        async with asyncio.timeout(30):
            while len(found := [one for one in self.spans if one.process == process]) < count:
                self.came.clear()
                await self.came.wait()
        return found

    async def export(self, request: bytes, _: Any) -> bytes:  # Any: a context of bytes
        """Keep what a process sends."""
        self.received.append(request)
        for resource in ExportTraceServiceRequest.FromString(request).resource_spans:
            process = str(_values(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                self.spans.extend(_collected(process, span) for span in scope.spans)
        self.came.set()
        return ExportTraceServiceResponse().SerializeToString()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Serve a collector on loopback."""
    server = grpc.aio.server()
    collector = Collector(server.add_insecure_port("127.0.0.1:0"))
    handler: Any = grpc.unary_unary_rpc_method_handler(collector.export)  # Any: it is a coroutine
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Export": handler}),)
    )
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)


def _collected(process: str, span: Span) -> CollectedSpan:
    return CollectedSpan(
        process=process,
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        has_failed=span.status.code == Status.STATUS_CODE_ERROR,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )


def _values(attributes: Any) -> dict[str, str | int]:  # Any: a repeated field of KeyValue
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> str | int:
    return value.int_value if value.HasField("int_value") else value.string_value
