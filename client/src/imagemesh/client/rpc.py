"""Asks a service over gRPC, without a gateway."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc

from imagemesh.client import decoding, documents, requests
from imagemesh.client.answers import Answer, Language, Usage
from imagemesh.client.errors import (
    ApiError,
    ClientError,
    InvalidInput,
    TimedOut,
    UnexpectedAnswer,
    Unreachable,
)
from imagemesh.client.images import Image, Picture, Upload
from imagemesh.client.refusals import may_repeat
from imagemesh.client.transport import read_certificates
from imagemesh.colorize.v1.colorize_service_pb2 import ColorizeRequest
from imagemesh.colorize.v1.colorize_service_pb2_grpc import ColorizeServiceStub
from imagemesh.ocr.v1.ocr_service_pb2 import (
    AnalyzeRequest,
    AnalyzeTextRequest,
    ListLanguagesRequest,
    RecognizeRequest,
)
from imagemesh.ocr.v1.ocr_service_pb2_grpc import OcrServiceStub
from imagemesh.vision.v1.vision_service_pb2 import (
    ClassifyRequest,
    DetectEmotionsRequest,
    DetectNudityRequest,
)
from imagemesh.vision.v1.vision_service_pb2_grpc import VisionServiceStub
from servicekit.documents import may_have_pages
from servicekit.interceptors import REQUEST_ID_KEY
from servicekit.limits import MAX_MESSAGE_BYTES
from servicekit.statuses import reason_of

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),  # `Retries` does it, with one budget and one back-off
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

# HTTP status of each reason of servicekit.errors, as the gateway gives it.
_STATUS_OF_REASON: Final = {
    "invalid_request": 400,
    "unsupported_language": 400,
    "unreadable_image": 422,
    "overloaded": 429,
    "model_not_installed": 503,
    "language_not_installed": 503,
    "not_installed": 503,
    "unavailable": 503,
}

# HTTP status and code of what says no reason: a proxy on the way, or grpc itself.
_MEANING_OF_CODE: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "invalid_request"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "unauthorized"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "forbidden"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "overloaded"),
    grpc.StatusCode.CANCELLED: (503, "unavailable"),
}

ResultT = TypeVar("ResultT")
MessageT = TypeVar("MessageT")
ResponseT = TypeVar("ResponseT")


class RpcTransport:
    """The way to a service; made by `open_rpc`."""

    def __init__(self, channel: grpc.aio.Channel, address: str, *, key: str) -> None:
        self._address = address
        self._colorize = ColorizeServiceStub(channel)
        self._ocr = OcrServiceStub(channel)
        self._vision = VisionServiceStub(channel)
        self._key_metadata = (("x-api-key", key),) if key else ()

    async def ask(
        self,
        request: requests.Request[ResultT],
        image: Image | None,
        *,
        idempotency_key: str,  # noqa: ARG002 - inference changes nothing, and nobody charges here
        timeout_s: float,
    ) -> Answer[ResultT]:
        """Return the answer to `request`."""
        if image is not None and not isinstance(image, Upload):
            raise InvalidInput("a service fetches no URLs; give the file, or ask a gateway (http)")
        content = b"" if image is None else image.content
        answer = await self._ask(request, content, timeout_s=timeout_s)
        return answer if request.details else Answer(answer.result)

    async def languages(self, *, timeout_s: float) -> tuple[Language, ...]:
        """Return the languages that the service knows."""
        message = ListLanguagesRequest()
        response = await self._call(self._ocr.ListLanguages, message, timeout_s=timeout_s)
        return decoding.languages(response.languages)

    async def usage(self, *, timeout_s: float) -> Usage:  # noqa: ARG002 - see Transport
        """Refuse: no service knows accounts."""
        raise InvalidInput("only a gateway knows the usage; ask its http:// or https:// address")

    async def download(self, url: str, *, timeout_s: float) -> Picture:  # noqa: ARG002 - as above
        """Refuse: a service answers with the picture itself."""
        raise UnexpectedAnswer("the service answered with a URL instead of the picture")

    async def _ask(  # noqa: PLR0911 - one for each request
        self, request: requests.Request[Any], image: bytes, *, timeout_s: float
    ) -> Answer[Any]:  # Any: each request has its own result
        ocr, vision = self._ocr, self._vision
        match request:
            case requests.ColorizeRequest():
                colorize = ColorizeRequest(image=image)
                return decoding.colorized(
                    await self._call(self._colorize.Colorize, colorize, timeout_s=timeout_s)
                )
            case requests.ReadRequest() if _is_document(request, image):
                document = documents.question(request, image)
                parts = await self._collect(ocr.RecognizeDocument, document, timeout_s=timeout_s)
                return documents.answer(request, parts)
            case requests.OcrRequest(lang=lang, min_confidence=least):
                recognize = RecognizeRequest(image=image, language=lang)
                text = await self._call(ocr.Recognize, recognize, timeout_s=timeout_s)
                return decoding.recognized(text, min_confidence=least)
            case requests.AnalyzedOcrRequest():
                analyze = AnalyzeRequest(image=image)
                return decoding.analyzed(
                    await self._call(ocr.Analyze, analyze, timeout_s=timeout_s)
                )
            case requests.AnalyzedTextRequest(text=given):
                analyze_text = AnalyzeTextRequest(text=given)
                analysis = await self._call(ocr.AnalyzeText, analyze_text, timeout_s=timeout_s)
                return decoding.analyzed_text(analysis, text=given)
            case requests.EmotionsRequest(limit=limit, min_confidence=least):
                detect = DetectEmotionsRequest(image=image, limit=limit)
                found = await self._call(vision.DetectEmotions, detect, timeout_s=timeout_s)
                return decoding.faces(found, min_confidence=least)
            case requests.ClassifyRequest(limit=limit, min_confidence=least):
                classify = ClassifyRequest(image=image, limit=limit)
                labels = await self._call(vision.Classify, classify, timeout_s=timeout_s)
                return decoding.classified(labels, min_confidence=least)
            case requests.NudityRequest():
                judge = DetectNudityRequest(image=image)
                return decoding.judged(
                    await self._call(vision.DetectNudity, judge, timeout_s=timeout_s)
                )
        raise TypeError(type(request).__name__)

    async def _collect(
        self,
        rpc: grpc.aio.UnaryStreamMultiCallable[MessageT, ResponseT],
        message: MessageT,
        *,
        timeout_s: float,
    ) -> list[ResponseT]:
        with self._refusing() as metadata:
            return [part async for part in rpc(message, timeout=timeout_s, metadata=metadata)]

    async def _call(
        self,
        rpc: grpc.aio.UnaryUnaryMultiCallable[MessageT, ResponseT],
        message: MessageT,
        *,
        timeout_s: float,
    ) -> ResponseT:
        with self._refusing() as metadata:
            return await rpc(message, timeout=timeout_s, metadata=metadata)

    @contextmanager
    def _refusing(self) -> Iterator[tuple[tuple[str, str], ...]]:
        """Yield the metadata of a call, and make a ClientError of what goes wrong in it."""
        request_id = uuid.uuid4().hex
        try:
            yield (REQUEST_ID_KEY, request_id), *self._key_metadata
        except grpc.aio.AioRpcError as error:
            raise _refusal(error, address=self._address, request_id=request_id) from error


@asynccontextmanager
async def open_rpc(
    address: str, *, is_tls: bool, key: str, ca_file: Path | None
) -> AsyncIterator[RpcTransport]:
    """Open a way to the service at `address` ("host:port"); it connects with the first call.

    Raises:
        InvalidInput: the certificates cannot be read.
    """
    if is_tls:
        roots = None if ca_file is None else read_certificates(ca_file).encode()
        credentials = grpc.ssl_channel_credentials(roots)
        channel = grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
    else:
        channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
    async with channel:
        yield RpcTransport(channel, address, key=key)


def _is_document(request: requests.ReadRequest[Any], content: bytes) -> bool:  # Any: see _ask
    is_plain = isinstance(request, requests.OcrRequest) and request.pages is None
    return not is_plain or may_have_pages(content)


def _refusal(error: grpc.aio.AioRpcError, *, address: str, request_id: str) -> ClientError:
    code, reason = error.code(), reason_of(error)
    if reason is None and code is grpc.StatusCode.UNAVAILABLE:
        return Unreachable(f"no service answers at {address}", may_repeat=True)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:  # whoever notices first, the deadline is ours
        return TimedOut("the answer took too long")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return UnexpectedAnswer(f"the service at {address} does not do this; ask another one")
    status, name = _MEANING_OF_CODE.get(code, (500, "internal"))
    if reason in _STATUS_OF_REASON:
        status, name = _STATUS_OF_REASON[reason], reason
    message = error.details() or "the service failed; report the request id"
    return ApiError(
        message,
        status=status,
        code=name,
        request_id=request_id,
        may_repeat=may_repeat(status, name),
    )
