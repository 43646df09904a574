"""An image, a time, and servers that say what a test tells them."""

import io
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from PIL import Image

from imagemesh.client.retries import Retries


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    return file.getvalue()


PNG = _png()


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for 127.0.0.1 that no authority signed, and its key, as PEM files."""

    path: Path
    key_path: Path

    def context(self) -> ssl.SSLContext:
        """Return the set-up of a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key_path)
        return context


@dataclass(slots=True)
class Time:
    """A time that passes only where someone waits."""

    now_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)

    async def wait(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.waits_s.append(seconds)
        self.now_s += seconds

    def retries(self, timeout_s: float = 30.0) -> Retries:
        """Return retries in this time."""
        jitter = random.Random(7)  # noqa: S311 - no secret
        return Retries(timeout_s, clock=lambda: self.now_s, wait=self.wait, jitter=jitter)


@dataclass(frozen=True, slots=True)
class Says:
    """An answer of a scripted server."""

    status: int = 200
    body: bytes = b'{"result": {"text": "read"}}'
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Script:
    """A server that listens.

    Attributes:
        url: its base.
        heads: the headers of every request.
        bodies: the body of every request.
    """

    url: str = ""
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


def error_body(code: str, message: str = "said the test") -> bytes:
    """Return the body of an error of the mesh."""
    return b'{"error": {"code": "%s", "message": "%s", "request_id": "abc"}}' % (
        code.encode(),
        message.encode(),
    )


@asynccontextmanager
async def scripted(
    *answers: Says | None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Script]:
    """Serve the answers in turn, the last one from then on; None hangs up without one."""
    script, left = Script(), list(answers)

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        script.heads.append(dict(request.headers))
        script.bodies.append(await request.read())
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async with serving_http(serve, tls=tls) as script.url:
        yield script


@asynccontextmanager
async def serving_http(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Answer every request by `handle` and yield the base of the URLs."""
    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
