"""Interceptor of every RPC: error statuses, deadlines, limits, log lines and metrics."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from time import monotonic
from typing import Any, TypeAlias, cast

import grpc
import structlog
from google.protobuf.message import DecodeError

from servicekit.callers import caller_of
from servicekit.errors import DeadlineExceeded, InvalidRequest, MeshError, Overloaded
from servicekit.logs import get_logger
from servicekit.statuses import abort
from servicekit.telemetry import ServiceMetrics
from servicekit.turns import FairShares, reserve_of

REQUEST_ID_KEY = "x-request-id"

# Health and reflection have no line, limit or metric: probes must work when all is full.
PLUMBING = ("/grpc.health.", "/grpc.reflection.")

_log = get_logger("rpc")

# Requests and responses differ from method to method, hence Any wherever an RPC is handed on.
Context = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[[Any, Context], Awaitable[Any]]
StreamHandler = Callable[[Any, Context], AsyncGenerator[Any, None]]
MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class HandlerWrapper(grpc.aio.ServerInterceptor):
    """Base of interceptors that wrap every handler but those of health and reflection."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[MethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> MethodHandler:
        """Return the wrapped handler of the RPC."""
        handler = await continuation(handler_call_details)
        path = str(handler_call_details.method)
        if handler is None or path.startswith(PLUMBING):
            return handler
        return self.wrap(handler, path)

    # Any: as in `Handler`.
    def wrap(self, handler: "grpc.RpcMethodHandler[Any, Any]", path: str) -> MethodHandler:
        """Return a handler around that of the RPC with this path."""
        raise NotImplementedError


class RpcEdge(HandlerWrapper):
    """Edge of every RPC that takes one request and answers it, at once or in a stream.

    Args:
        metrics: counters and times of RPCs.
        max_concurrent_rpcs: RPCs in the process at once, shared fairly by callers; one more is
            Overloaded.
        default_deadline_s: deadline of a caller that set none, in seconds.
    """

    def __init__(
        self, metrics: ServiceMetrics, *, max_concurrent_rpcs: int, default_deadline_s: float
    ) -> None:
        self._metrics = metrics
        self._shares = FairShares(max_concurrent_rpcs, reserved=reserve_of(max_concurrent_rpcs))
        self._default_deadline_s = default_deadline_s
        self._in_flight = 0

    # Any: as in `Handler`.
    def wrap(self, handler: "grpc.RpcMethodHandler[Any, Any]", path: str) -> MethodHandler:
        """Return a handler with the edge around it."""
        # The stubs know only synchronous handlers; a grpc.aio server has coroutines here.
        if handler.unary_unary is not None:
            make, respond = (
                grpc.unary_unary_rpc_method_handler,
                cast("Handler", handler.unary_unary),
            )
        elif handler.unary_stream is not None:
            # Not a generator: a deadline that passes between two answers would not cancel it.
            make = grpc.unary_stream_rpc_method_handler
            respond = partial(_write_all, cast("StreamHandler", handler.unary_stream))
        else:
            return handler
        method = path.rsplit("/", 1)[-1]
        parse = handler.request_deserializer or bytes

        # Any: as in `Handler`, and the stubs know no coroutine.
        async def answer(content: bytes, context: Context) -> Any:
            return await self._watch(context, method, partial(_answer, parse, respond, content))

        # gRPC's own refusal of a broken message would name a class of Python.
        return make(
            cast("Any", answer),
            request_deserializer=None,
            response_serializer=handler.response_serializer,
        )

    # Any: see Handler.
    async def _watch(
        self, context: Context, method: str, answer: Callable[[Context], Awaitable[Any]]
    ) -> Any:
        """Return the answer, or abort with the status of its error; log and count the RPC."""
        started_s = monotonic()
        structlog.contextvars.bind_contextvars(request_id=_request_id(context))
        code, model = grpc.StatusCode.CANCELLED, {}
        self._count(1)
        try:
            response = await self._in_time(context, answer)
            code, model = grpc.StatusCode.OK, _model_of(response)
        except MeshError as error:
            code = grpc.StatusCode[error.status]
            await abort(context, error)
        except Exception:  # noqa: BLE001 - the edge: no stack may leave the process
            code = grpc.StatusCode.INTERNAL
            _log.exception("rpc failed", method=method)
            await abort(context, MeshError("the service failed; report the request id"))
        else:
            return response
        finally:
            self._count(-1)
            self._record(method, code, seconds=monotonic() - started_s, model=model)

    def _count(self, change: int) -> None:
        self._in_flight += change
        self._metrics.rpcs_in_flight.set(self._in_flight)

    def _record(
        self, method: str, code: grpc.StatusCode, *, seconds: float, model: dict[str, str]
    ) -> None:
        self._metrics.rpc_seconds.labels(method, code.name).observe(seconds)
        if model:
            self._metrics.model_answers.labels(method=method, **model).inc()
        _log.info("rpc", method=method, code=code.name, seconds=round(seconds, 4), **model)

    # Any: see Handler.
    async def _in_time(self, context: Context, answer: Callable[[Context], Awaitable[Any]]) -> Any:
        caller = caller_of(context)
        if not self._shares.fits(caller, 1):
            raise Overloaded("too many requests are being answered already; try again later")
        remaining_s = context.time_remaining()
        timeout_s = self._default_deadline_s if remaining_s is None else remaining_s
        self._shares.take(caller, 1)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer(context)
        except TimeoutError as error:
            raise DeadlineExceeded(f"no answer within the deadline of {timeout_s:.1f} s") from error
        finally:
            self._shares.give_back(caller, 1)


# Any: as in `Handler`.
async def _answer(
    parse: Callable[[bytes], Any], respond: Handler, content: bytes, context: Context
) -> Any:
    """Return the answer to the bytes of a request; broken ones are an InvalidRequest."""
    try:
        request = parse(content)
    except DecodeError as error:
        message = "the request is no protobuf message of this RPC; make it with its .proto"
        raise InvalidRequest(message) from error
    return await respond(request, context)


async def _write_all(inner: StreamHandler, request: Any, context: Context) -> None:  # Any: as above
    async with aclosing(inner(request, context)) as responses:
        async for response in responses:
            await context.write(response)


def _request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str):
            return value[:64]
    return uuid.uuid4().hex


def _model_of(response: Any) -> dict[str, str]:  # Any: see Handler
    model = getattr(response, "model", None)
    if model is None or not model.name:
        return {}
    return {
        "model": model.name,
        "version": model.version,
        "device": model.device,
        "provider": model.provider,
    }
