"""The client: one method for each endpoint, repeated where that may help."""

import uuid
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from imagemesh.client import requests
from imagemesh.client.answers import (
    Analysis,
    Answer,
    Colorized,
    Face,
    Label,
    Language,
    Nudity,
    Text,
    Usage,
)
from imagemesh.client.document_answers import HostedPdf
from imagemesh.client.errors import InvalidInput
from imagemesh.client.images import (
    Picture,
    Source,
    is_data_uri,
    load_image,
    picture_of_data_uri,
)
from imagemesh.client.rest import open_rest
from imagemesh.client.retries import Retries
from imagemesh.client.rpc import open_rpc
from imagemesh.client.settings import DEFAULT_URL
from imagemesh.client.transport import Transport

# A gateway answers within 60 s. One that was killed leaves a call marked as running for 120 s, and
# only then can the call be repeated without being charged twice.
DEFAULT_TIMEOUT_S = 180.0

ResultT = TypeVar("ResultT")


class Client:
    """Asks one server; use it as `async with Client(url, key=key) as client`.

    Every method raises a `ClientError`. A picture is the path of a file, an http or https URL, or
    the bytes of a file. A call that is repeated is charged once.

    Args:
        url: http:// or https:// of a gateway; grpc:// or grpcs:// (TLS), host and port, of a
            service.
        key: API key; empty where the server asks for none.
        timeout_s: longest time of a call with all its repetitions, in seconds.
        ca_file: certificates to trust instead of the system's, PEM.
        retries: how calls are repeated, instead of within `timeout_s`.

    Raises:
        InvalidInput: the URL or the key is none.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str = "",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        ca_file: Path | None = None,
        retries: Retries | None = None,
    ) -> None:
        if not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidInput("the key must be visible ASCII characters; see that it is whole")
        self._opening = _transport(url, key=key, ca_file=ca_file)
        self._retries = retries or Retries(timeout_s)
        self._stack = AsyncExitStack()
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        """Open the client; it connects with the first call."""
        self._transport = await self._stack.enter_async_context(self._opening)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._transport = None
        await self._stack.aclose()

    async def colorize(
        self, image: Source, *, expires_in_s: int | None = None, details: bool = False
    ) -> Answer[Colorized]:
        """Colour a black-and-white photo; `download` gets the coloured one.

        Args:
            image: the photo.
            expires_in_s: how long the gateway hosts it, in seconds; the gateway's own time if None.
            details: add which model gave the answer, and more.
        """
        request = requests.ColorizeRequest(expires_in_s=expires_in_s, details=details)
        return await self.ask(request, image)

    async def ocr(
        self,
        image: Source,
        *,
        lang: str = "eng",
        min_confidence: float = 0.0,
        pages: str | None = None,
        details: bool = False,
    ) -> Answer[Text]:
        """Read the text of a picture, or of a document with a form feed between two pages.

        `ask` takes what else can be made of it: a `PagesRequest`, `WrittenRequest` or `PdfRequest`.

        Args:
            image: the picture; also a PDF, or a TIFF of several pages.
            lang: language code, one of `languages()`.
            min_confidence: in [0, 1]; lines of `details` that are less sure are left out.
            pages: those to read, such as "1-3,7"; all of them if None.
            details: add which model gave the answer, and of a picture the lines with their places.
        """
        request = requests.OcrRequest(
            lang=lang, min_confidence=min_confidence, pages=pages, details=details
        )
        return await self.ask(request, image)

    async def analyzed_ocr(self, image: Source, *, details: bool = False) -> Answer[Analysis]:
        """Read, summarize, tag and judge the English text of a picture."""
        return await self.ask(requests.AnalyzedOcrRequest(details=details), image)

    async def analyzed_text(self, text: str, *, details: bool = False) -> Answer[Analysis]:
        """Summarize, tag and judge an English text."""
        return await self.ask(requests.AnalyzedTextRequest(text=text, details=details))

    async def emotions(
        self,
        image: Source,
        *,
        limit: int = 7,
        min_confidence: float = 0.0,
        details: bool = False,
    ) -> Answer[tuple[Face, ...]]:
        """Read the visible expressions of the faces in a photo, `limit` (1 to 7) of each."""
        request = requests.EmotionsRequest(
            limit=limit, min_confidence=min_confidence, details=details
        )
        return await self.ask(request, image)

    async def classify(
        self,
        image: Source,
        *,
        limit: int = 5,
        min_confidence: float = 0.0,
        details: bool = False,
    ) -> Answer[tuple[Label, ...]]:
        """Name what a photo shows, with `limit` (1 to 100) labels at most."""
        request = requests.ClassifyRequest(
            limit=limit, min_confidence=min_confidence, details=details
        )
        return await self.ask(request, image)

    async def nudity(self, image: Source, *, details: bool = False) -> Answer[Nudity]:
        """Say whether a photo holds nudity."""
        return await self.ask(requests.NudityRequest(details=details), image)

    async def languages(self) -> tuple[Language, ...]:
        """Return every language code that `ocr` takes, ordered by code."""
        transport = self._open()
        return await self._retries.call(lambda left_s: transport.languages(timeout_s=left_s))

    async def usage(self) -> Usage:
        """Return what the key's account has, and what it did in the last 31 days."""
        transport = self._open()
        return await self._retries.call(lambda left_s: transport.usage(timeout_s=left_s))

    async def download(self, answer: Answer[Colorized] | Answer[HostedPdf]) -> Picture:
        """Return the picture that `colorize` answered with, or the PDF of a `PdfRequest`."""
        result = answer.result
        url = result.pdf if isinstance(result, HostedPdf) else result.colorized
        if is_data_uri(url):
            return picture_of_data_uri(url)
        transport = self._open()
        return await self._retries.call(lambda left_s: transport.download(url, timeout_s=left_s))

    async def ask(
        self, request: requests.Request[ResultT], image: Source | None = None
    ) -> Answer[ResultT]:
        """Return the answer to `request`, which the other methods make."""
        transport = self._open()
        loaded = None if image is None else await load_image(image)
        key = uuid.uuid4().hex
        return await self._retries.call(
            lambda left_s: transport.ask(request, loaded, idempotency_key=key, timeout_s=left_s)
        )

    def _open(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("use the client within 'async with Client(...) as client'")
        return self._transport


def _transport(
    url: str, *, key: str, ca_file: Path | None
) -> AbstractAsyncContextManager[Transport]:
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return open_rest(url, key=key, ca_file=ca_file)
    if parts.scheme in {"grpc", "grpcs"} and parts.hostname and _has_port(url):
        is_tls = parts.scheme == "grpcs"
        return open_rpc(parts.netloc, is_tls=is_tls, key=key, ca_file=ca_file)
    raise InvalidInput(
        f"{url!r} is no server; name http://HOST:PORT of a gateway or grpc://HOST:PORT of a service"
    )


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port is not None
    except ValueError:
        return False
