"""Asks a gateway over REST."""

import asyncio
import io
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from anyio import fail_after

from contract.bulk import BULK_PATH
from contract.endpoint import Endpoint, EndpointRequest
from imagemesh.client.errors import (
    ApiError,
    InvalidInput,
    TimedOut,
    UnexpectedAnswer,
    Unreachable,
)
from imagemesh.client.images import DownloadedFile, Image, Upload
from imagemesh.client.refusals import refusal

# An answer that holds a PDF of 48 MiB in base64, and what is around it.
_MAX_ANSWER_BYTES: Final = 68 * 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024
_CONNECT_TIMEOUT_S: Final = 10.0
_OK: Final = 200
_ACCEPTED: Final = 202
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

# What would end a quoted file name, or its header.
_UNSAFE_IN_NAME: Final = re.compile(r'[\x00-\x1f\x7f"\\]')

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class RestTransport:
    """Connections to one gateway; made by `open_rest`."""

    def __init__(self, http: aiohttp.ClientSession, url: str, *, key: str) -> None:
        self._http = http
        self._url = url
        self._key_header = {"X-API-Key": key} if key else {}
        self._keeps_answers = True

    async def ask(
        self,
        endpoint: Endpoint,
        request: EndpointRequest[Any],  # Any: each endpoint has its own answer
        image: Image | None,
        *,
        idempotency_key: str,
        timeout_s: float,
    ) -> Any:
        """Return the answer of `endpoint`; calls with one Idempotency-Key are charged once."""
        key = idempotency_key if self._keeps_answers else None
        try:
            return await self._post(endpoint, request, image, key=key, timeout_s=timeout_s)
        except ApiError as error:
            if error.code != "invalid_idempotency_key":
                raise
        # A gateway that keeps nothing knows no request again; nothing has been charged yet.
        self._keeps_answers = False
        return await self._post(endpoint, request, image, key=None, timeout_s=timeout_s)

    async def get(self, path: str, kind: type[T], *, timeout_s: float) -> T:
        """Return what is at a path of the gateway."""
        url = self._url + path
        reply = await self._send("GET", url, headers=self._key_header, timeout_s=timeout_s)
        return _decode(reply, kind)

    async def submit(self, form: aiohttp.FormData, kind: type[T], *, key: str | None = None) -> T:
        """Submit a bulk job, or have it estimated; what has one Idempotency-Key is one job."""
        reply = await self._send(
            "POST",
            self._url + BULK_PATH,
            headers=self._headers(key),
            timeout_s=None,  # as long as it takes to send
            data=form,
            expect100=True,  # what is known already, or refused, is not sent
        )
        return _decode(reply, kind)

    async def save(self, url: str, path: Path) -> None:
        """Save the output at a path to a file."""
        try:
            async with self._http.get(self._url + url, headers=self._key_header) as response:
                if response.status != _OK:
                    raise refusal(response.status, response.headers, await _read(response))
                with path.open("wb") as file:
                    async for piece in response.content.iter_chunked(_PIECE_BYTES):
                        await asyncio.to_thread(file.write, piece)
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror}") from error
        except aiohttp.ClientError as error:
            message = "the connection broke before the output was there"
            raise Unreachable(message, may_repeat=True) from error

    async def download(self, url: str, *, timeout_s: float) -> DownloadedFile:
        """Return the image or PDF at `url`, which may be on another host: the key is not sent."""
        reply = await self._send("GET", url, timeout_s=timeout_s, allow_redirects=True)
        media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if reply.status != _OK:
            raise refusal(reply.status, reply.headers, reply.body)
        if not media_type.startswith("image/") and media_type != "application/pdf":
            raise UnexpectedAnswer("the URL of the result leads to no image and no PDF")
        return DownloadedFile(reply.body, media_type)

    async def _post(
        self,
        endpoint: Endpoint,
        request: EndpointRequest[Any],
        image: Image | None,
        *,
        key: str | None,
        timeout_s: float,
    ) -> Any:
        reply = await self._send(
            "POST",
            self._url + endpoint.path,
            headers=self._headers(key),
            # Without the key, a request that was sent may have been charged.
            is_repeatable=key is not None,
            timeout_s=timeout_s,
            **_body(request, image),
        )
        return _decode(reply, endpoint.answer_of(request))

    def _headers(self, key: str | None) -> dict[str, str]:
        return self._key_header | ({"Idempotency-Key": key} if key else {})

    async def _send(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float | None,
        is_repeatable: bool = True,
        allow_redirects: bool = False,
        **options: Any,  # Any: those of aiohttp's request
    ) -> _Reply:
        try:
            # The server is not followed elsewhere with the key: aiohttp would send it there.
            with fail_after(timeout_s):
                async with self._http.request(
                    method, url, allow_redirects=allow_redirects, **options
                ) as response:
                    return _Reply(response.status, response.headers, await _read(response))
        except aiohttp.ClientConnectorCertificateError as error:
            message = f"the certificate of {_place(url)} is not trusted; name its authority's file"
            raise Unreachable(message) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(f"no server answers at {_place(url)}", may_repeat=True) from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise UnexpectedAnswer("the server named a URL that is none") from error
        except aiohttp.ClientError as error:
            if isinstance(error.__cause__, InvalidInput):  # of a body that is made as it is sent
                raise error.__cause__ from None
            message = f"the connection to {_place(url)} broke before the answer came"
            raise Unreachable(message, may_repeat=is_repeatable) from error
        except TimeoutError as error:
            raise TimedOut("the answer took too long") from error


@asynccontextmanager
async def open_rest(url: str, *, key: str, ca_file: Path | None) -> AsyncIterator[RestTransport]:
    """Open connections to the gateway at `url`; the first call connects.

    Raises:
        InvalidInput: the certificates cannot be read.
    """
    connector = aiohttp.TCPConnector(ssl=_tls(ca_file))
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers={"User-Agent": "imagemesh-client"}
    ) as http:
        yield RestTransport(http, url.rstrip("/"), key=key)


def _tls(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cadata=ca_file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the certificates of {ca_file.name} (PEM)") from error
    except ssl.SSLError as error:
        raise InvalidInput(f"{ca_file.name} holds no certificates (PEM)") from error


def _place(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]  # without a password


def _body(request: EndpointRequest[Any], image: Image | None) -> dict[str, Any]:  # Any: see _send
    fields = msgspec.to_builtins(request)
    if image is None:
        return {"json": fields}
    if not isinstance(image, Upload):
        return {"json": {**fields, "url": image.url}}
    form = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, str(value).lower() if isinstance(value, bool) else str(value))
    name = _UNSAFE_IN_NAME.sub("_", image.name).encode(errors="replace").decode()
    form.add_field("image", io.BytesIO(image.content), filename=name)
    return {"data": form}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(_PIECE_BYTES):
        body += piece
        if len(body) > _MAX_ANSWER_BYTES:
            raise UnexpectedAnswer(f"the answer is over {_MAX_ANSWER_BYTES // 2**20} MiB")
    return bytes(body)


def _decode(reply: _Reply, kind: type[T]) -> T:
    if reply.status in _REDIRECTS:
        place = reply.headers.get("Location", "elsewhere")
        raise UnexpectedAnswer(f"the server redirects to {place}; name the address behind that")
    if reply.status not in {_OK, _ACCEPTED}:
        raise refusal(reply.status, reply.headers, reply.body)
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"the answer is not that of imagemesh: {error}") from error
