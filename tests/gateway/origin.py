"""An origin server on loopback that says byte for byte what a test tells it, however hostile."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

# 1x1 GIF: the smallest of the accepted images.
IMAGE = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Origin:
    """A listening server."""

    host: str  # address it listens on
    port: int = 0  # port it listens on
    requests: list[bytes] = field(default_factory=list)  # head of every request, as it came
    connections: int = 0  # number of connections accepted

    def url(self, path: str = "/image.gif") -> str:
        """Return the URL of a path here."""
        return f"http://{self.host}:{self.port}{path}"

    async def count_connections(self) -> int:
        """Return how many connections came before this call.

        Connects once itself and waits until that is accepted, so that none is still queued.
        """
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write_eof()
        await reader.read()
        writer.close()
        return self.connections - 1


@asynccontextmanager
async def listening(
    answer: Answer, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Origin]:
    """Serve one answer to every connection, after its request head was read."""
    origin = Origin(host)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        origin.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            origin.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    origin.port = server.sockets[0].getsockname()[1]
    async with server:
        yield origin


def says(*pieces: bytes) -> Answer:
    """Return an answer that writes the pieces and hangs up."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(pieces)

    return answer


def image_answer(
    content: bytes = IMAGE, *, headers: bytes = b"Content-Type: image/gif\r\n"
) -> Answer:
    """Return an honest answer with a whole image."""
    length = b"Content-Length: %d\r\n" % len(content)
    return says(b"HTTP/1.1 200 OK\r\n", headers, length, b"\r\n", content)


def redirect(location: str, *, status: int = 302) -> Answer:
    """Return a redirect to the location."""
    return says(b"HTTP/1.1 %d Moved\r\nLocation: %s\r\n\r\n" % (status, location.encode()))


def in_turn(*answers: Answer) -> Answer:
    """Return an answer that is another one for each connection, in order."""
    left = iter(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(left)(reader, writer)

    return answer


def endless(head: bytes, piece: bytes) -> Answer:
    """Return an answer that repeats the piece after the head until the other side hangs up."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece * 1000)
            await writer.drain()

    return answer


def drip(head: bytes, piece: bytes, *, interval_s: float) -> Answer:
    """Return an answer that repeats the piece at an interval until the other side hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), interval_s)
                return

    return answer
