"""Where the traces of a process go, which is nowhere until a collector is named."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import grpc

from servicekit.settings import ProcessSettings
from servicekit.tracing.steps import RequestTrace

Serving = Callable[[str, str | None], AbstractContextManager[RequestTrace]]


async def _nothing() -> None:
    """There is nothing to send."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What a process adds to itself to leave traces; by default nothing.

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
    """Return what leaves traces of the process `member`, if its settings name a collector."""
    if not settings.otlp_endpoint:
        return Traces()
    # Here, because the library costs 0.3 s and 3 MB, which those who want no traces do not pay.
    from servicekit.tracing import otlp, spans  # noqa: PLC0415

    tracer, close = otlp.open_tracer(member, settings.otlp_endpoint)
    made = spans.Spans(tracer)
    return Traces(
        server=(spans.ServedRpcs(made),),
        channel=(spans.AskedRpcs(made), spans.AskedStreams(made)),
        serving=made.serving,
        close=lambda: asyncio.to_thread(close),
    )
