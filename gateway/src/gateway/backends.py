"""The model services: their channels, calls and health, and their errors as problems."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.problems import Problem
from gateway.settings import GatewaySettings
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as colorize_rpc
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from imagemesh.vision.v1 import vision_service_pb2_grpc as vision_rpc
from servicekit.callers import CALLER_KEY, caller_digest
from servicekit.client import open_channel
from servicekit.interceptors import REQUEST_ID_KEY
from servicekit.statuses import reason_of

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

_HEALTH_TIMEOUT_S = 2.0  # a probe that takes longer is an answer too

COLORIZE: Final = "imagemesh.colorize.v1.ColorizeService"
OCR: Final = "imagemesh.ocr.v1.OcrService"
VISION: Final = "imagemesh.vision.v1.VisionService"

# By the short name, which stands in settings and in answers.
SERVICES: Final = {"colorize": COLORIZE, "ocr": OCR, "vision": VISION}

# HTTP status of each reason of servicekit.errors; the reason is the code of the REST error.
_STATUS_OF_REASON: Final = {
    "invalid_request": 400,
    "unsupported_language": 400,
    "unreadable_image": 422,
    "overloaded": 429,
    "model_not_installed": 503,
    "language_not_installed": 503,
    "not_installed": 503,
    "unavailable": 503,
    "deadline_exceeded": 504,
}

# What a status without a reason means: grpc itself made it, on this side or on the way.
_PROBLEM_OF_CODE: Final = {
    grpc.StatusCode.UNAVAILABLE: (503, "unavailable", "the service cannot be reached; try again"),
    grpc.StatusCode.CANCELLED: (503, "unavailable", "the service is stopping; try again"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "deadline_exceeded", "the service took too long"),
}


@dataclass(frozen=True, slots=True)
class CallContext:
    """Metadata and deadline of the calls that one request makes."""

    request_id: str  # travels to the services and into every log line
    account: str  # the account that asks; accounts share the models fairly
    deadline_s: float  # when the answer is due, on the monotonic clock
    policy: str | None = None  # nudity policy of the API key, None for the default

    def remaining_s(self) -> float:
        """Return the time left, in seconds.

        Raises:
            Problem: 504, there is none.
        """
        remaining_s = self.deadline_s - monotonic()
        if remaining_s <= 0:
            raise Problem(504, "deadline_exceeded", "the request took too long")
        return remaining_s

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of a call."""
        return (REQUEST_ID_KEY, self.request_id), (CALLER_KEY, caller_digest(self.account))


@dataclass(frozen=True, slots=True)
class Backends:
    """The stubs of the three services; quoted types stand only in the generated stub files."""

    colorize: "colorize_rpc.ColorizeServiceAsyncStub"
    ocr: "ocr_rpc.OcrServiceAsyncStub"
    vision: "vision_rpc.VisionServiceAsyncStub"
    channels: dict[str, grpc.aio.Channel]

    async def health(self) -> dict[str, str]:
        """Return "SERVING", "NOT_SERVING" or "UNREACHABLE" by the service's short name."""
        probes = (_health(name, channel) for name, channel in self.channels.items())
        return dict(zip(self.channels, await asyncio.gather(*probes), strict=True))


@asynccontextmanager
async def open_backends(
    settings: GatewaySettings, *, interceptors: Sequence[grpc.aio.ClientInterceptor] = ()
) -> AsyncIterator[Backends]:
    """Open one channel to each service; they connect on first use and reconnect by themselves."""
    addresses = {
        "colorize": settings.colorize_address,
        "ocr": settings.ocr_address,
        "vision": settings.vision_address,
    }
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(
                open_channel(address, interceptors=interceptors, tls_dir=settings.tls_dir)
            )
            for name, address in addresses.items()
        }
        yield Backends(
            colorize_rpc.ColorizeServiceStub(channels["colorize"]),
            ocr_rpc.OcrServiceStub(channels["ocr"]),
            vision_rpc.VisionServiceStub(channels["vision"]),
            channels,
        )


async def call(
    rpc: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT],
    message: RequestT,
    context: CallContext,
) -> ResponseT:
    """Return the answer of `rpc`.

    Raises:
        Problem: the service's error, or that of the connection to it, as a REST error.
    """
    try:
        return await rpc(message, timeout=context.remaining_s(), metadata=context.metadata())
    except grpc.aio.AioRpcError as error:
        raise _problem(error) from error


async def stream(
    rpc: grpc.aio.UnaryStreamMultiCallable[RequestT, ResponseT],
    message: RequestT,
    context: CallContext,
) -> AsyncGenerator[ResponseT, None]:
    """Yield the answers of `rpc`; closed, it ends the RPC.

    Raises:
        Problem: as `call`.
    """
    answers = rpc(message, timeout=context.remaining_s(), metadata=context.metadata())
    try:
        async for answer in answers:
            yield answer
    except grpc.aio.AioRpcError as error:
        raise _problem(error) from error
    finally:
        answers.cancel()


def _problem(error: grpc.aio.AioRpcError) -> Problem:
    reason = reason_of(error)
    status, code, message = _PROBLEM_OF_CODE.get(
        error.code(), (500, "internal", "the service failed; report the request id")
    )
    if reason in _STATUS_OF_REASON:
        status, code, message = _STATUS_OF_REASON[reason], reason, error.details() or message
    return Problem(status, code, message)


async def _health(name: str, channel: grpc.aio.Channel) -> str:
    stub: Any = health_pb2_grpc.HealthStub(channel)  # Any: its stubs know no methods
    request = health_pb2.HealthCheckRequest(service=SERVICES[name])
    try:
        response = await stub.Check(request, timeout=_HEALTH_TIMEOUT_S)
    except grpc.aio.AioRpcError:
        return "UNREACHABLE"
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))
