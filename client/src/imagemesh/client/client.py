"""The client: one method for each endpoint of the contract, repeated where that may help."""

import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
from typing_extensions import Self

from contract.endpoint import Endpoint, EndpointRequest
from contract.endpoints.colorize import ColorizeAnswer
from contract.endpoints.ocr import PdfAnswer
from contract.jobs import JOBS_PATH, JobPage, JobPageAnswer
from contract.lookups import (
    LANGUAGES_PATH,
    USAGE_PATH,
    Language,
    LanguagesAnswer,
    Usage,
    UsageAnswer,
)
from contract.table import ENDPOINTS
from imagemesh.client.bulk import BulkRun
from imagemesh.client.errors import InvalidInput
from imagemesh.client.images import (
    DownloadedFile,
    Source,
    file_of_data_uri,
    is_data_uri,
    load_image,
)
from imagemesh.client.rest import RestTransport, open_rest
from imagemesh.client.retries import Retries

DEFAULT_URL: Final = "http://127.0.0.1:8080"

# A gateway answers within 60 s. One that was killed leaves a call marked as running for 120 s, and
# only then can the call be repeated without being charged twice.
DEFAULT_TIMEOUT_S: Final = 180.0

_METHODS: Final = {endpoint.name.replace("-", "_"): endpoint for endpoint in ENDPOINTS}
_ENDPOINTS: Final = {endpoint.request: endpoint for endpoint in ENDPOINTS}

AnswerT = TypeVar("AnswerT")


class AsyncClient:
    """Asks one gateway; use it as `async with AsyncClient(url, key=key) as client`.

    It has a method for each endpoint, such as `await client.ocr("scan.png", lang="deu")` and
    `await client.analyzed_text(text="...")`, whose parameters are those of the REST API; `ask` is
    the same with types. Every method raises a `ClientError`. An image is the path of a file, an
    http or https URL, or the bytes of a file. A call that is repeated is charged once.

    Args:
        url: http:// or https:// of a gateway.
        key: API key; empty where the server asks for none.
        timeout_s: longest time of a call with all its repetitions, in seconds.
        ca_file: certificates to trust instead of the system's, PEM.
        retries: how calls are repeated, instead of within `timeout_s`.

    Raises:
        InvalidInput: the URL or the key is not valid.
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
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(f"{url!r} is no server; name http://HOST:PORT of a gateway")
        self._opening = open_rest(url, key=key, ca_file=ca_file)
        self._retries = retries or Retries(timeout_s)
        self._stack = AsyncExitStack()
        self._transport: RestTransport | None = None

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

    # Any: each endpoint has its own parameters and its own answer.
    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Return the method of an endpoint."""
        if name not in _METHODS:
            raise AttributeError(f"a client has no attribute {name!r}")
        return partial(self._call, _METHODS[name])

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_METHODS]

    async def ask(self, request: EndpointRequest[AnswerT], image: Source | None = None) -> AnswerT:
        """Return the answer to `request`, a Struct of `contract.endpoints`."""
        return await self._ask(_ENDPOINTS[type(request)], request, image)  # type: ignore[no-any-return]  # of the request

    async def languages(self) -> list[Language]:
        """Return every language code that `ocr` takes, ordered by code."""
        return (await self._get(LANGUAGES_PATH, LanguagesAnswer)).result

    async def usage(self) -> Usage:
        """Return the balance of the key's account, and its usage of the last 31 days."""
        return (await self._get(USAGE_PATH, UsageAnswer)).result

    async def jobs(
        self, *, status: str | None = None, limit: int = 20, after: str | None = None
    ) -> JobPage:
        """Return jobs of the key's account without their answers, newest first.

        Args:
            status: "queued", "running", "succeeded" or "failed"; None for all.
            limit: most jobs of the page, 100 at most.
            after: the `next` of the page before.
        """
        given = {"status": status, "limit": str(limit), "after": after}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return (await self._get(f"{JOBS_PATH}?{query}", JobPageAnswer)).result

    def bulk(self, endpoint: str, images: Path | str, **parameters: object) -> BulkRun:
        """Return a bulk job about many images, to estimate or to have done.

        Args:
            endpoint: name of the endpoint, such as "classify".
            images: a folder, a .zip or a .jsonl manifest, or an s3:// URL that the gateway reads.
            **parameters: of the endpoint.
        """
        return BulkRun(
            self._open(),
            self._retries,
            endpoint=endpoint,
            images=str(images),
            parameters=parameters,
        )

    async def download(self, answer: ColorizeAnswer | PdfAnswer) -> DownloadedFile:
        """Return the colored image or the PDF of an answer."""
        url = answer.result.pdf if isinstance(answer, PdfAnswer) else answer.result.colorized
        if is_data_uri(url):
            return file_of_data_uri(url)
        transport = self._open()
        return await self._retries.call(lambda left_s: transport.download(url, timeout_s=left_s))

    async def _get(self, path: str, kind: type[AnswerT]) -> AnswerT:
        transport = self._open()
        return await self._retries.call(lambda left_s: transport.get(path, kind, timeout_s=left_s))

    async def _call(self, endpoint: Endpoint, image: Source | None = None, **fields: Any) -> Any:
        try:
            request = msgspec.convert(fields, endpoint.request)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"{endpoint.name}: {error}") from error
        return await self._ask(endpoint, request, image)

    async def _ask(
        self, endpoint: Endpoint, request: EndpointRequest[Any], image: Source | None
    ) -> Any:
        transport = self._open()
        loaded = None if image is None else await load_image(image)
        key = uuid.uuid4().hex
        return await self._retries.call(
            lambda left_s: transport.ask(
                endpoint, request, loaded, idempotency_key=key, timeout_s=left_s
            )
        )

    def _open(self) -> RestTransport:
        if self._transport is None:
            raise RuntimeError("use the client within 'async with AsyncClient(...) as client'")
        return self._transport
