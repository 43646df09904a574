"""Ask a server, whatever it speaks, and name how that ended in the same words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import aiohttp
import grpc

from benchmarks.peers.catalogue import Peer

READY_WITHIN_S = 120.0
TRY_S = 5.0  # a server that starts or recovers may take a request and never answer it
ANSWERED, WRONG, REFUSED, FAILED, LOST, LATE = (
    "answered",
    "wrong",
    "refused",
    "failed",
    "lost",
    "late",
)
_REFUSALS = {429, 503}
_STATUSES = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: REFUSED,
    grpc.StatusCode.UNAVAILABLE: REFUSED,
    grpc.StatusCode.DEADLINE_EXCEEDED: LATE,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended.

    Attributes:
        how: "answered"; "wrong", with another's answer; "refused", as one that may be sent again;
            "failed"; "lost", with its connection; "late", after its deadline.
        seconds: How long that took.
        status: As the server told it, such as "429" or "UNAVAILABLE"; "" where it told none.
    """

    how: str
    seconds: float
    status: str = ""


class Caller:
    """Asks one server; nothing is sent again."""

    def __init__(
        self, peer: Peer, port: int, *, http: aiohttp.ClientSession, channel: grpc.aio.Channel
    ) -> None:
        self._peer = peer
        self._http = http
        self._url = f"http://127.0.0.1:{port}{peer.path}"
        # Any: requests and answers are bytes, which no generated type knows.
        self._call: Any = channel.unary_unary(peer.path)

    async def ask(self, body: bytes, *, expected: bytes, limit_s: float = 60.0) -> Outcome:
        """Send a request and return how it ended.

        Args:
            body: What the model is to be given.
            expected: What the answer must hold.
            limit_s: The deadline.
        """
        began_s = monotonic()
        send = self._send_http if self._peer.protocol == "http" else self._send_grpc
        how, status = await send(self._peer.frame(body), expected, limit_s)
        return Outcome(how, monotonic() - began_s, status)

    async def until_answered(self, body: bytes, *, expected: bytes, limit_s: float) -> bool:
        """Ask until there is an answer; return whether there was one in time."""
        ends_s = monotonic() + limit_s
        while monotonic() < ends_s:
            outcome = await self.ask(body, expected=expected, limit_s=TRY_S)
            if outcome.how == ANSWERED:
                return True
            await asyncio.sleep(0.02)
        return False

    async def _send_http(self, framed: bytes, expected: bytes, limit_s: float) -> tuple[str, str]:
        headers = {"Content-Type": self._peer.content_type}
        try:
            async with (
                asyncio.timeout(limit_s),
                self._http.post(self._url, data=framed, headers=headers) as reply,
            ):
                content = await reply.read()
        except TimeoutError:
            return LATE, ""
        except aiohttp.ClientError:
            return LOST, ""
        status = str(reply.status)
        if reply.status in _REFUSALS:
            return REFUSED, status
        if not reply.ok:
            return FAILED, status
        return (ANSWERED if expected in content else WRONG), status

    async def _send_grpc(self, framed: bytes, expected: bytes, limit_s: float) -> tuple[str, str]:
        try:
            content = await self._call(framed, timeout=limit_s)
        except grpc.aio.AioRpcError as error:
            return _STATUSES.get(error.code(), FAILED), error.code().name
        return (ANSWERED if expected in content else WRONG), "OK"


@asynccontextmanager
async def calling(peer: Peer, port: int) -> AsyncIterator[Caller]:
    """Yield what asks the server on a port."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.max_reconnect_backoff_ms", 200)]
        ) as channel,
    ):
        yield Caller(peer, port, http=http, channel=channel)
