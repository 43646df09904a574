"""HTTP/1.1 protocol of uvicorn with limits on headers, time and connections; see docs/adr/0030."""

import asyncio
import secrets
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contract.errors import ErrorAnswer, ErrorBody
from gateway.connections.limits import OpenConnections

# A refused caller may still be sending. Closed at once, its connection would be reset, and the
# refusal lost with it.
_LINGER_S: Final = 1.0
_LINGER_BYTES: Final = 2**20

_LINE_ENDS: Final = len(b": \r\n")


class HeadersTooLarge(Exception):
    """The headers of a request are over a limit."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection of a caller; `limited_protocol` makes the class that uvicorn takes.

    The parser keeps a header in memory until its line ends, so the bytes that it is given without
    anything coming of them are limited too: those of headers, trailers and chunk extensions.
    """

    opened: ClassVar[OpenConnections]

    # Any: the arguments are uvicorn's.
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = ""
        self._is_admitted = False
        self._is_refused = False
        self._is_lingering = False
        self._dropped_bytes = 0
        self._in_headers = False
        self._header_bytes = 0
        self._header_lines = 0
        self._pending_bytes = 0  # given to the parser since it last had anything to tell
        self._has_advanced = False
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        """Admit the connection, or refuse it where too many are open."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._is_admitted = self.opened.admit(self._address)
        if self._is_admitted:
            self._time_headers()
        else:
            self._refuse(503, "overloaded", "too many connections are open; try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Uncount the connection."""
        self._stop_timer()
        self._stop_stall()
        if self._is_admitted:
            self.opened.leave(self._address)
        if self._is_lingering:
            self.opened.stop_lingering()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrives, no more at once than headers may have."""
        limit = self.opened.limits.header_bytes
        while data and not self._is_refused and not self.transport.is_closing():
            room = limit - self._pending_bytes
            if room <= 0:
                self._refuse_headers()
                break
            part, data = data[:room], data[room:]
            self._has_advanced = False
            self._parse(part)
            self._pending_bytes = 0 if self._has_advanced else self._pending_bytes + len(part)
        if self._is_refused:
            self._drop(data)
        elif self._in_headers or self._is_idle():
            self._time_headers()

    def _parse(self, data: bytes) -> None:
        """Give bytes to the parser; an offered upgrade is declined by leaving its header out.

        Java's HttpClient and `curl --http2` offer HTTP/2 with every request (`Upgrade: h2c`), and
        RFC 9110, section 7.8, lets a server ignore that. The parser would take all that follows
        for the other protocol, so a new one reads the same request without the offer.
        """
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if not self._is_offer():
                    self.send_400_response("")
                    return
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError:
                self.send_400_response("")
                return
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        kept = [header for header in self.headers if header[0] != b"upgrade"]
        lines = [name + b": " + value for name, value in kept]
        version = self.parser.get_http_version().encode()
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)
        return b"\r\n".join([first, *lines, b"", b""])

    def _is_offer(self) -> bool:
        """Tell whether the request offers to change the protocol; CONNECT demands it."""
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's argument
        """Refuse what is no HTTP, or has too many or too large headers."""
        limits = self.opened.limits
        is_over = self._header_bytes > limits.header_bytes
        if is_over or self._header_lines > limits.header_lines:
            self._refuse_headers()
        else:
            self._refuse(400, "malformed_request", "the request is not valid HTTP/1.1")

    def on_message_begin(self) -> None:
        """Begin to count the headers of a request."""
        self._in_headers = True
        self._header_bytes = 0
        self._header_lines = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the URL as a header."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header or a trailer."""
        self._header_lines += 1
        self._count(len(name) + len(value) + _LINE_ENDS)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the time of the headers."""
        if self._is_offer():
            return
        self._has_advanced = True
        self._in_headers = False
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on."""
        self._has_advanced = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._is_offer():
            return
        self._has_advanced = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Give the caller some time to read its answer."""
        super().pause_writing()
        self._stop_stall()
        self._stalled = self.loop.call_later(self.opened.limits.send_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on, the caller reads."""
        self._stop_stall()
        super().resume_writing()

    def _count(self, size_bytes: int) -> None:
        limits = self.opened.limits
        self._header_bytes += size_bytes
        if self._header_bytes > limits.header_bytes or self._header_lines > limits.header_lines:
            raise HeadersTooLarge  # uvicorn answers it by `send_400_response`

    def _is_idle(self) -> bool:
        """Tell whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _time_headers(self) -> None:
        """Limit the time until the next headers are complete, from the first call on."""
        if self._timer is None:
            self._timer = self.loop.call_later(self.opened.limits.header_s, self._end_wait)

    def _end_wait(self) -> None:
        self._timer = None
        if not self._is_idle():
            self._time_headers()  # a request that was sent ahead, while another is answered
        elif self._in_headers:
            limit_s = self.opened.limits.header_s
            message = f"the headers did not arrive within {limit_s:.3g} s; send them faster"
            self._refuse(408, "headers_timeout", message)
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _refuse_headers(self) -> None:
        limits = self.opened.limits
        message = (
            f"the headers are over {limits.header_bytes // 1024} KiB or {limits.header_lines} lines"
        )
        self._refuse(431, "headers_too_large", message)

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer with an error and close, without asking the application."""
        self._is_refused = True
        self._stop_timer()
        if not self._is_idle():  # an answer is under way; nothing can be written into it
            self.transport.close()
            return
        self.transport.write(_answer(status, code, message))
        self._is_lingering = self.opened.linger()
        if not self._is_lingering:
            self.transport.close()
            return
        self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER_S, self.transport.close)

    def _drop(self, data: bytes) -> None:
        self._dropped_bytes += len(data)
        if self._dropped_bytes > _LINGER_BYTES:
            self.transport.abort()


def limited_protocol(opened: OpenConnections) -> type[LimitedProtocol]:
    """Return the protocol whose connections are counted by `opened`."""
    return type("CountedProtocol", (LimitedProtocol,), {"opened": opened})


def _answer(status: int, code: str, message: str) -> bytes:
    request_id = secrets.token_hex(16)
    body = msgspec.json.encode(ErrorAnswer(ErrorBody(code, message, request_id)))
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-Id: {request_id}",
        *(["Retry-After: 1"] if status == HTTPStatus.SERVICE_UNAVAILABLE else []),
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
