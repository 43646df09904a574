"""Tracing of a process, off until a collector is configured."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import grpc

from servicekit.settings import ProcessSettings
from servicekit.tracing.steps import RequestTrace

Serving = Callable[[str, str | None], AbstractContextManager[RequestTrace]]


async def _nothing() -> None:
    """Send nothing."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Interceptors and hooks that trace a process; empty by default.

    Attributes:
        server: interceptors of its gRPC server, outside of all others.
        channel: interceptors of its channels to the services.
        serving: makes the span of a request that is not an RPC, of its name and traceparent.
        close: sends the spans that are left, within two seconds.
    """

    server: tuple[grpc.aio.ServerInterceptor, ...] = ()
    channel: tuple[grpc.aio.ClientInterceptor, ...] = ()
    serving: Serving | None = None
    close: Callable[[], Awaitable[None]] = _nothing


def open_traces(member: str, settings: ProcessSettings) -> Traces:
    """Return the tracing of the process `member`; empty unless its settings name a collector."""
    if not settings.otlp_endpoint:
        return Traces()
    # Imported here: the library costs 0.3 s and 3 MB, also in a process without traces.
    from servicekit.tracing import otlp, spans  # noqa: PLC0415

    tracer, close = otlp.open_tracer(member, settings.otlp_endpoint)
    made = spans.Spans(tracer)
    return Traces(
        server=(spans.ServedRpcs(made),),
        channel=(spans.AskedRpcs(made), spans.AskedStreams(made)),
        serving=made.serving,
        close=lambda: asyncio.to_thread(close),
    )
