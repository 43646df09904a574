"""Load generator: single requests that are judged, and many equal ones, over HTTP and gRPC.

Many are sent by h2load, of Debian's nghttp2-client: a client in Python would be the limit of the
quickest servers. It reads no answers, so `Caller` checks one before and after.
"""

import asyncio
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import grpc

from benchmarks.processes import Tree
from benchmarks.serving.catalogue import Peer
from benchmarks.serving.wire import BYTES_TYPE, FORM_TYPE, form, grpc_frame

READY_WITHIN_S = 120.0
TRY_S = 5.0  # a server that starts or recovers may take a request and never answer it
CONNECTIONS = 4  # of gRPC, as a gateway or two might have; HTTP/1.1 needs one for each request
FIRST_REQUESTS = 64
_DONE = re.compile(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")


class End(StrEnum):
    """End of a request."""

    ANSWERED = "answered"
    WRONG = "wrong"  # the answer is another request's
    REFUSED = "refused"  # may be sent again
    FAILED = "failed"
    LOST = "lost"  # with its connection
    LATE = "late"  # past its deadline


_ENDS: dict[object, End] = {
    429: End.REFUSED,
    503: End.REFUSED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: End.REFUSED,
    grpc.StatusCode.UNAVAILABLE: End.REFUSED,
    grpc.StatusCode.DEADLINE_EXCEEDED: End.LATE,
}


class LoadFailed(RuntimeError):
    """A server did not answer as it should, so its figures say nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a request; `status` is the server's, such as "429" or "UNAVAILABLE"."""

    how: End
    seconds: float
    status: str = ""


class Caller:
    """Client of one server; it retries nothing."""

    def __init__(
        self, peer: Peer, port: int, *, http: aiohttp.ClientSession, channel: grpc.aio.Channel
    ) -> None:
        self.name = peer.name
        self._peer = peer
        self._http = http
        self._url = f"http://127.0.0.1:{port}{peer.path}"
        # Any: requests and answers are bytes, which no generated type knows.
        self._call: Any = channel.unary_unary(peer.path)

    async def ask(self, body: bytes, *, expected: bytes, limit_s: float = 60.0) -> Outcome:
        """Send the model's input and return the outcome; `expected` is part of the answer."""
        began_s = monotonic()
        send = self._send_http if self._peer.protocol == "http" else self._send_grpc
        how, status = await send(self._peer.frame(body), expected, limit_s)
        return Outcome(how, monotonic() - began_s, status)

    async def until_answered(self, body: bytes, *, expected: bytes, limit_s: float) -> bool:
        """Repeat a request until it is answered; return whether it was in time."""
        ends_s = monotonic() + limit_s
        while monotonic() < ends_s:
            outcome = await self.ask(body, expected=expected, limit_s=TRY_S)
            if outcome.how == End.ANSWERED:
                return True
            await asyncio.sleep(0.02)
        return False

    async def _send_http(self, framed: bytes, expected: bytes, limit_s: float) -> tuple[End, str]:
        headers = request_headers(self._peer)
        try:
            async with (
                asyncio.timeout(limit_s),
                self._http.post(self._url, data=framed, headers=headers) as reply,
            ):
                content = await reply.read()
        except TimeoutError:
            return End.LATE, ""
        except aiohttp.ClientError:
            return End.LOST, ""
        if not reply.ok:
            return _ENDS.get(reply.status, End.FAILED), str(reply.status)
        return (End.ANSWERED if expected in content else End.WRONG), str(reply.status)

    async def _send_grpc(self, framed: bytes, expected: bytes, limit_s: float) -> tuple[End, str]:
        try:
            content = await self._call(framed, timeout=limit_s)
        except grpc.aio.AioRpcError as error:
            return _ENDS.get(error.code(), End.FAILED), error.code().name
        return (End.ANSWERED if expected in content else End.WRONG), "OK"


def request_headers(peer: Peer) -> dict[str, str]:
    """Return the headers of a request; those of the peer overrule the usual ones."""
    if peer.protocol == "grpc":
        return {"content-type": "application/grpc", "te": "trailers"}
    content_type = FORM_TYPE if peer.frame is form else BYTES_TYPE
    return {"content-type": content_type, **peer.headers}


@asynccontextmanager
async def calling(peer: Peer, port: int) -> AsyncIterator[Caller]:
    """Yield a client of the server on a port."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.max_reconnect_backoff_ms", 200)]
        ) as channel,
    ):
        yield Caller(peer, port, http=http, channel=channel)


@dataclass(frozen=True, slots=True)
class Slice:
    """Work of one contender in one turn."""

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        """CPU time of a request in milliseconds."""
        return 1000 * self.cpu_seconds / self.requests

    @property
    def per_second(self) -> float:
        """Requests in a second."""
        return self.requests / self.seconds


@dataclass(slots=True)
class Load:
    """Load on one server: the same request from a file, a number of them in flight."""

    peer: Peer
    port: int
    tree: Tree
    body: Path
    in_flight: int
    per_second: float = 0.0

    @property
    def name(self) -> str:
        """Name of the server."""
        return self.peer.name

    async def turn(self, seconds: float) -> Slice:
        """Send about as many requests as the server answers in so many seconds."""
        requests = max(FIRST_REQUESTS, round(seconds * self.per_second))
        began_cpu_s = self.tree.cpu_s
        took_s = await self.send(requests)
        done = Slice(requests, took_s, self.tree.cpu_s - began_cpu_s)
        self.per_second = done.per_second
        return done

    async def send(self, requests: int) -> float:
        """Send so many requests and return the seconds until all were answered.

        Raises:
            LoadFailed: One was not.
        """
        began_s = monotonic()
        command = await asyncio.create_subprocess_exec(*self._h2load(requests), stdout=PIPE)
        printed, _ = await command.communicate()
        seconds = monotonic() - began_s
        done = _DONE.search(printed.decode())
        if done is None or int(done[1]) != requests:
            raise LoadFailed(f"{self.name}: {done[0] if done else printed.decode()}")
        return seconds

    def _h2load(self, requests: int) -> list[str]:
        is_grpc = self.peer.protocol == "grpc"
        framed = self.body.with_suffix(f".{self.port}")
        if not framed.exists():
            message = self.peer.frame(self.body.read_bytes())
            framed.write_bytes(grpc_frame(message) if is_grpc else message)
        connections = CONNECTIONS if is_grpc else self.in_flight
        streams = self.in_flight // connections
        numbers = ["-n", str(requests), "-c", str(connections), "-m", str(streams)]
        headers = [f"-H{name}: {value}" for name, value in request_headers(self.peer).items()]
        protocol = [] if is_grpc else ["--h1"]
        url = f"http://127.0.0.1:{self.port}{self.peer.path}"
        return ["h2load", *numbers, *protocol, *headers, "-d", str(framed), url]
