"""Connections: their headers, their time and their number are bounded before any request is."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from prometheus_client import generate_latest
from starlette.types import Receive, Scope, Send

from gateway.connections.limits import ConnectionLimits, OpenConnections, fit_descriptors
from gateway.connections.protocol import limited_protocol
from servicekit.telemetry import HttpMetrics
from tests.gateway.running import database_url

LIMITS = ConnectionLimits(total=8, per_address=8)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
LARGE = b"x" * 2**24
ENOUGH_S = 100  # far beyond any of it on a busy machine


@dataclass(slots=True)
class Served:
    """A server with a small application."""

    port: int = 0
    asked: int = 0
    metrics: HttpMetrics = field(default_factory=HttpMetrics)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    callers: "list[Connection]" = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET at once and a POST when its body is there."""
        self.asked += 1
        more = scope["method"] == "POST"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message["more_body"]
        content = LARGE if scope["path"] == "/large" else b"ok"
        length = (b"content-length", str(len(content)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body"})
        self.answered.set()

    async def connect(self, address: str = "127.0.0.1") -> "Connection":
        """Return a new connection from this address."""
        pair = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self.callers.append(Connection(*pair))
        return self.callers[-1]

    async def hang_up(self) -> None:
        """Close the connections of all callers."""
        for connection in self.callers:
            connection.writer.transport.abort()
            await asyncio.gather(connection.writer.wait_closed(), return_exceptions=True)

    async def ask(self, sent: bytes, address: str = "127.0.0.1") -> tuple[int, str]:
        """Return status and code of the answer to these bytes, which end the connection."""
        connection = await self.connect(address)
        connection.writer.write(sent)
        return await connection.answer()


@dataclass(slots=True)
class Connection:
    """A caller's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, str]:
        """Return status and code of the next answer, (0, "") where the connection ends."""
        async with asyncio.timeout(ENOUGH_S):
            line = b""
            with suppress(ConnectionResetError):
                line = await self.reader.readline()
            if not line:
                return 0, ""
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            body = await self.reader.readexactly(int(length))
        code = json.loads(body)["error"]["code"] if body.startswith(b"{") else body.decode()
        return int(line.split()[1]), code


@asynccontextmanager
async def served(**changes: Any) -> AsyncIterator[Served]:  # Any: values of any limit
    app = Served()
    opened = OpenConnections(replace(LIMITS, **changes), app.metrics)
    config = uvicorn.Config(
        app, http=limited_protocol(opened), lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    app.port = listener.getsockname()[1]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield app
    finally:
        await app.hang_up()
        server.should_exit = True
        await task


def lines(count: int) -> bytes:
    return b"".join(b"X-%d: y\r\n" % number for number in range(count))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(GET + b"X: " + b"y" * 70_000, id="a value that does not end"),
        pytest.param(GET + b"X: " + b"y" * 70_000 + b"\r\n\r\n", id="a value that ends"),
        pytest.param(GET + b"y" * 70_000, id="a name"),
        pytest.param(b"GET /" + b"y" * 70_000, id="a path"),
        pytest.param(GET + lines(100) + b"\r\n", id="101 lines"),
        pytest.param(GET + lines(20_000), id="lines without end"),
    ],
)
async def test_headers_over_the_limit_are_431_and_reach_nobody(sent: bytes) -> None:
    async with served() as server:
        answer = await server.ask(sent)

    assert answer == (431, "headers_too_large")
    assert server.asked == 0


async def test_headers_at_the_limit_are_answered() -> None:
    value = b"X: " + b"y" * 65_400 + b"\r\n\r\n"
    async with served() as server:
        assert await server.ask(GET + lines(99) + b"\r\n") == (200, "ok")
        assert await server.ask(GET + value) == (200, "ok")


@pytest.mark.parametrize(
    "piece", [b"X: " + b"y" * 200_000, lines(20_000), b"3;" + b"y" * 200_000], ids=len
)
async def test_what_stands_between_pieces_of_a_body_is_bounded_too(piece: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    end = b"" if piece.startswith(b"3;") else b"0\r\n"
    async with served() as server:
        answer = await server.ask(head + end + piece)

    assert answer[0] in {0, 431}


async def test_bad_request_gets_the_one_error_shape() -> None:
    async with served() as server:
        assert await server.ask(b"no HTTP at all\r\n\r\n") == (400, "malformed_request")


async def test_silent_connection_is_closed() -> None:
    async with served(header_s=0.05) as server:
        connection = await server.connect()

        assert await connection.answer() == (0, "")


async def test_headers_that_stop_half_way_are_408() -> None:
    async with served(header_s=0.05) as server:
        assert await server.ask(GET) == (408, "headers_timeout")


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        pytest.param(GET + b"X: ", b"y", id="a header"),
        pytest.param(b"", b"\r\n", id="empty lines"),
        pytest.param(GET + b"Content-Length: 1000000\r\n\r\n", b"y", id="a body after its answer"),
    ],
)
async def test_drip_is_closed(first: bytes, drop: bytes) -> None:
    async with served(header_s=0.3) as server:
        connection = await server.connect()
        connection.writer.write(first)

        async with asyncio.timeout(ENOUGH_S):
            while not connection.reader.at_eof():
                connection.writer.write(drop)
                try:
                    await asyncio.wait_for(connection.reader.read(1000), 0.01)
                except (TimeoutError, ConnectionError):
                    continue


async def test_slow_body_has_its_own_time() -> None:
    async with served(header_s=0.05) as server:
        connection = await server.connect()
        connection.writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.answer(), 0.2)
        connection.writer.write(b"b")

        assert await connection.answer() == (200, "ok")


async def test_caller_that_reads_nothing_is_cut_off() -> None:
    async with served(send_s=0.05) as server:
        connection = await server.connect()
        connection.writer.write(GET.replace(b"/ ", b"/large ") + b"\r\n")

        async with asyncio.timeout(ENOUGH_S):
            await server.answered.wait()


async def test_connection_over_the_total_is_503_until_another_ends() -> None:
    async with served(total=2) as server:
        first, second = await server.connect(), await server.connect()
        refused = await server.connect()
        assert await refused.answer() == (503, "overloaded")

        first.writer.close()
        await first.writer.wait_closed()
        answers = [await server.ask(GET + b"\r\n")]
        while answers[-1][0] == 503:  # the server has not yet seen the other's end
            answers.append(await server.ask(GET + b"\r\n"))

        assert answers[-1] == (200, "ok")
        assert b'refused_total{limit="all"} ' in generate_latest(server.metrics.registry)
        assert not second.reader.at_eof()


async def test_one_address_cannot_take_the_connections_of_another() -> None:
    async with served(per_address=2) as server:
        for _ in range(2):
            await server.connect()

        assert await server.ask(GET + b"\r\n") == (503, "overloaded")
        assert await server.ask(GET + b"\r\n", address="127.0.0.2") == (200, "ok")


async def test_gateway_with_few_descriptors_still_answers_others(tmp_path: Path) -> None:
    """300 silent connections and 256 descriptors: the next caller gets an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f"ulimit -n 256; exec {sys.executable} -m gateway"),
        cwd=tmp_path,
        env={"GATEWAY_DATABASE_URL": database_url(tmp_path), "GATEWAY_PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
    )
    server = Served(port)
    try:
        async with asyncio.timeout(ENOUGH_S):
            await _listening(server, process)
            silent = [await server.connect() for _ in range(300)]
            refused = await silent[80].answer()
            other = await server.connect("127.0.0.2")
            other.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            line = await other.reader.readline()
    finally:
        await server.hang_up()
        process.terminate()
        out, _ = await process.communicate()

    assert refused == (503, "overloaded")
    assert b" 200 " in line
    assert b"connections refused" in out


async def _listening(server: Served, process: asyncio.subprocess.Process) -> None:
    """Wait until a gateway listens, or has ended and never will."""
    while True:
        with suppress(ConnectionRefusedError):
            await server.connect()
            return
        with suppress(TimeoutError):
            raise RuntimeError(await asyncio.wait_for(process.wait(), 0.1))


def test_descriptors_that_are_there_suffice() -> None:
    assert fit_descriptors(1) == 1
