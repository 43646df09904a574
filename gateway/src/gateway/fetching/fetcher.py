"""Fetches an image by URL from servers that are not trusted.

Source: aiohttp 3.14 hands every address it dials, literals and redirects among them, to the
connector's `socket_factory`; a resolver alone sees names only.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from prometheus_client import CollectorRegistry
from yarl import URL

from gateway.fetching.addresses import Network
from gateway.fetching.dialling import (
    DialGuard,
    ForbiddenAddressError,
    ForbiddenPortError,
    PooledResolver,
    guarded_session,
)
from gateway.fetching.urls import file_name, next_hop, parse_url
from gateway.media import EncodedImage, require_image
from gateway.problems import Problem
from servicekit.limits import MAX_IMAGE_BYTES
from servicekit.telemetry import FetchMetrics
from servicekit.turns import FairSemaphore, reserve_of

_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MIB = 2**20
_REQUEST_HEADERS: dict[str, str] = {
    hdrs.ACCEPT: "image/*, application/pdf;q=0.5",
    # A compressed answer could unpack to any size; images are compressed already.
    hdrs.ACCEPT_ENCODING: "identity",
}

_FAULTS: tuple[tuple[type[aiohttp.ClientError], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "names a host that could not be found"),
    (aiohttp.ClientSSLError, "names a host whose TLS certificate or handshake is not valid"),
    (aiohttp.ClientConnectorError, "names a host that could not be reached"),
    (aiohttp.ClientPayloadError, "was answered with a body that broke off or was malformed"),
)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one fetch, and of all fetches together."""

    max_bytes: int = MAX_IMAGE_BYTES  # of one image
    total_s: float = 15.0  # of one fetch, with its redirects and its waiting for a connection
    max_redirects: int = 3  # hops after the first URL
    max_connections: int = 32  # at once; `max_bytes` each bounds the memory of fetches
    max_connections_per_host: int = 8  # at once, to one host and port
    dns_threads: int = 8  # lookups that run at once
    max_lookups: int = 32  # lookups that run or wait at once
    dns_timeout_s: float = 5.0  # of one lookup


class ImageFetcher:
    """Fetches images by URL; made inside the event loop that uses it.

    Args:
        limits: bounds of each fetch and of all together.
        allow: networks of the operator that are exempt from the guard, with all their ports.
        resolver: looks names up; the system's when left out. Its answers are judged all the same.
        metrics: of all fetches.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        allow: Sequence[Network] = (),
        resolver: AbstractResolver | None = None,
        metrics: FetchMetrics | None = None,
    ) -> None:
        self._metrics = metrics or FetchMetrics(CollectorRegistry())
        self._limits = limits
        self._resolver = resolver or PooledResolver(
            threads=limits.dns_threads,
            max_lookups=limits.max_lookups,
            timeout_s=limits.dns_timeout_s,
        )
        self._session = guarded_session(
            DialGuard(tuple(allow)),
            self._resolver,
            limit=limits.max_connections,
            limit_per_host=limits.max_connections_per_host,
            headers=_REQUEST_HEADERS,
            timeout_s=None,  # `fetch` times the whole
        )
        most = limits.max_connections
        self._turns = FairSemaphore(most, reserved=reserve_of(most))

    async def fetch(
        self, url: str, *, timeout_s: float, or_pdf: bool = False, account: str = ""
    ) -> EncodedImage:
        """Return the image at the URL.

        Args:
            url: as the caller gave it.
            timeout_s: what is left of the caller's time; `limits.total_s` applies besides.
            or_pdf: a PDF is as good as an image.
            account: accounts share the connections fairly.

        Raises:
            Problem: 400 `invalid_url` or `forbidden_url`, 413 `image_too_large`, 415
                `unsupported_media_type`, 502 `fetch_failed`, 503 `overloaded`, 504
                `fetch_timeout`.
        """
        began_s = monotonic()
        outcome = "cancelled"
        try:
            image = await self._fetch(url, timeout_s=timeout_s, or_pdf=or_pdf, account=account)
            outcome = "ok"
        except Problem as problem:
            outcome = problem.code
            raise
        finally:
            self._metrics.seconds.labels(outcome).observe(monotonic() - began_s)
        self._metrics.bytes.inc(len(image.content))
        return image

    async def _fetch(
        self, url: str, *, timeout_s: float, or_pdf: bool, account: str
    ) -> EncodedImage:
        first = parse_url(url)
        allowed_s = max(0.0, min(timeout_s, self._limits.total_s))
        try:
            async with asyncio.timeout(allowed_s), self._turns.held(account):
                content = await self._follow(first)
        except TimeoutError as err:
            message = f"the image did not arrive within {allowed_s:.3g} s"
            raise Problem(504, "fetch_timeout", message) from err
        media_type = require_image(content, subject="the URL leads to", or_pdf=or_pdf)
        return EncodedImage(content, media_type, file_name(first))

    async def close(self) -> None:
        """Close every connection and the resolver."""
        await self._session.close()
        await self._resolver.close()

    async def _follow(self, url: URL) -> bytes:
        for _ in range(self._limits.max_redirects + 1):
            try:
                answer = await self._ask(url)
            except (aiohttp.ClientError, OSError) as err:
                raise _as_problem(err) from err
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise _failed(f"redirects more than {self._limits.max_redirects} times")

    async def _ask(self, url: URL) -> bytes | URL:
        """Return the body that one request gets, or where it is sent instead."""
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status in _REDIRECTS:
                location = response.headers.get(hdrs.LOCATION)
                if location is None:
                    raise _failed("redirects without saying where to")
                return next_hop(url, location)
            if response.status != _OK:
                raise _failed(f"was answered with HTTP status {response.status}")
            encoding = response.headers.get(hdrs.CONTENT_ENCODING, "identity")
            if encoding.strip().lower() != "identity":
                raise _failed("was answered in a compressed encoding that was not asked for")
            return await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        self._check_size(response.content_length or 0)
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            self._check_size(len(content))
        return bytes(content)

    def _check_size(self, size_bytes: int) -> None:
        limit = self._limits.max_bytes
        if size_bytes > limit:
            message = f"the image is larger than the limit of {limit / _MIB:.3g} MiB"
            raise Problem(413, "image_too_large", message)


def _as_problem(error: aiohttp.ClientError | OSError) -> Problem:
    """Say what went wrong without what the error carries: addresses, ports and our own set-up."""
    # aiohttp wraps what the guard raises, and keeps it as the cause.
    if isinstance(error.__cause__, ForbiddenAddressError):
        message = "the host of the URL, or of its redirect, has an address that is not fetched from"
        return Problem(400, "forbidden_url", message)
    if isinstance(error.__cause__, ForbiddenPortError):
        message = "the URL, or its redirect, names a port other than 80 and 443"
        return Problem(400, "invalid_url", message)
    faults = (fault for kind, fault in _FAULTS if isinstance(error, kind))
    return _failed(next(faults, "was not answered in valid HTTP"))


def _failed(fault: str) -> Problem:
    return Problem(502, "fetch_failed", f"the URL {fault}")
