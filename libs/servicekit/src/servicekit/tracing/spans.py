"""Spans of RPCs, as server and as client, and of HTTP requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic, time_ns
from typing import Any, cast

import grpc
import structlog
from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit.interceptors import PLUMBING, Handler, HandlerWrapper, MethodHandler
from servicekit.interceptors import Context as RpcContext
from servicekit.telemetry import (
    SPAN_REQUEST_ID,
    SPAN_RPC_METHOD,
    SPAN_RPC_STATUS,
    SPAN_RPC_SYSTEM,
)
from servicekit.tracing.steps import Attributes, RequestTrace, following

TRACEPARENT = "traceparent"

# Codes that are the fault of a server (OpenTelemetry's conventions for gRPC).
_SERVER_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
_PROPAGATOR = TraceContextTextMapPropagator()

# Any: requests and responses differ from method to method.
Continuation = Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]]


class _SpanOfRequest:
    """Trace of a request as a span, its steps as child spans."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._within = set_span_in_context(span, Context())

    def describe(self, name: str, attributes: Attributes, *, has_failed: bool = False) -> None:
        self._span.update_name(name)
        self._span.set_attributes(attributes)
        # The edge has given it one, and every log line of the request has it too.
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id is not None:
            self._span.set_attribute(SPAN_REQUEST_ID, request_id)
        if has_failed:
            self._span.set_status(StatusCode.ERROR)

    @property
    def traceparent(self) -> str:
        carried: dict[str, str] = {}
        _PROPAGATOR.inject(carried, self._within)
        return carried[TRACEPARENT]

    def add_step(self, name: str, *, began_s: float, attributes: Attributes) -> None:
        now_ns = time_ns()
        began_ns = now_ns - int((monotonic() - began_s) * 1e9)
        span = self._tracer.start_span(
            name, context=self._within, start_time=began_ns, attributes=attributes
        )
        span.end(now_ns)


class Spans:
    """Factory of the spans of a process.

    A request with a `traceparent` (W3C Trace Context) continues that trace. `tracestate` and
    `baggage` are dropped: both are text of the caller. Errors are not recorded: their messages
    may quote confidential text.

    Args:
        tracer: of the process.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._ending: set[asyncio.Task[None]] = set()

    @contextmanager
    def serving(self, name: str, traceparent: str | None) -> Iterator[RequestTrace]:
        """Open the server span of a request and add the trace id to its log lines."""
        came_with = {} if traceparent is None else {TRACEPARENT: traceparent}
        parent = _PROPAGATOR.extract(came_with, Context())
        span = self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER)
        trace_id = format_trace_id(span.get_span_context().trace_id)
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        trace = _SpanOfRequest(self._tracer, span)
        as_current = use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        )
        with as_current, following(trace):
            yield trace

    async def asking(
        self, continuation: Continuation, details: grpc.aio.ClientCallDetails, request: object
    ) -> Any:  # Any: see Continuation
        """Make an RPC in a client span and send its traceparent."""
        path = _text(details.method)
        if path.startswith(PLUMBING):
            return await continuation(details, request)
        span = self._tracer.start_span(path[1:], kind=SpanKind.CLIENT)
        carried: dict[str, str] = {}
        _PROPAGATOR.inject(carried, set_span_in_context(span))
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *carried.items())
        # Any: as with handlers, the stubs do not know that they are named tuples.
        call = await continuation(cast("Any", details)._replace(metadata=metadata), request)
        call.add_done_callback(partial(self._end_soon, span, path))
        return call

    def _end_soon(self, span: Span, path: str, call: Any) -> None:  # Any: see Continuation
        task = asyncio.ensure_future(_end(span, path, call))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _end(span: Span, path: str, call: Any) -> None:  # Any: see Continuation
    code = await call.code()
    span.set_attributes(_rpc_attributes(path, code))
    if code is not grpc.StatusCode.OK:
        span.set_status(StatusCode.ERROR)
    span.end()


class ServedRpcs(HandlerWrapper):
    """Outermost server interceptor, which opens a span for every RPC."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    # Any: see Continuation
    def wrap(self, handler: "grpc.RpcMethodHandler[Any, Any]", path: str) -> MethodHandler:
        """Return a handler with a span around it."""
        kind = "unary_unary" if handler.unary_unary is not None else "unary_stream"
        inner = getattr(handler, kind)
        if inner is None:  # it takes a stream, as no RPC of the mesh does
            return handler
        # Any: the stubs do not know that it is a named tuple.
        traced = cast("Any", handler)._replace(**{kind: self._traced(inner, path)})
        return cast("MethodHandler", traced)

    def _traced(self, inner: Handler, path: str) -> Handler:
        # The edge writes a stream as it comes, so that this awaits either kind of answer.
        async def outer(request: Any, context: RpcContext) -> Any:  # Any: see Continuation
            with self._spans.serving(path[1:], _traceparent_in(context)) as trace:
                code = grpc.StatusCode.CANCELLED
                try:
                    response = await inner(request, context)
                    code = grpc.StatusCode.OK
                except Exception:
                    told: Any = context.code()  # Any: it is 0 where there is none
                    code = told or grpc.StatusCode.UNKNOWN
                    raise
                finally:
                    attributes = _rpc_attributes(path, code)
                    has_failed = code.name in _SERVER_FAULTS
                    trace.describe(path[1:], attributes, has_failed=has_failed)
                return response

        return outer


class AskedRpcs(grpc.aio.UnaryUnaryClientInterceptor):
    """Client interceptor that opens a span for every unary RPC."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    async def intercept_unary_unary(
        self,
        continuation: Continuation,
        client_call_details: grpc.aio.ClientCallDetails,
        request: object,
    ) -> Any:  # Any: see Continuation
        """Make the RPC with a span around it."""
        return await self._spans.asking(continuation, client_call_details, request)


class AskedStreams(grpc.aio.UnaryStreamClientInterceptor):
    """Client interceptor that opens a span for every streaming RPC."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    async def intercept_unary_stream(
        self,
        continuation: Continuation,
        client_call_details: grpc.aio.ClientCallDetails,
        request: object,
    ) -> Any:  # Any: see Continuation
        """Make the RPC with a span around it."""
        return await self._spans.asking(continuation, client_call_details, request)


def _traceparent_in(context: RpcContext) -> str | None:
    metadata = context.invocation_metadata() or ()
    return next((_text(value) for key, value in metadata if key == TRACEPARENT), None)


def _rpc_attributes(path: str, code: grpc.StatusCode) -> Attributes:
    return {SPAN_RPC_SYSTEM: "grpc", SPAN_RPC_METHOD: path[1:], SPAN_RPC_STATUS: code.name}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("ascii")
