"""Name server on loopback with scripted addresses (RFC 1035)."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

_HEADER = struct.Struct("!6H")
_ANSWERED, _POINTER_TO_QUESTION, _TYPE_A, _CLASS_IN, _TTL_S = 0x8180, 0xC00C, 1, 1, 1


class NameServer(asyncio.DatagramProtocol):
    """Answers every question for IPv4 addresses alike.

    Attributes:
        addresses: the answer from now on.
    """

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are sent with."""
        # asyncio's own is no subclass of what it is documented to be.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question."""
        (number, *_) = _HEADER.unpack_from(data)
        end = data.index(b"\0", _HEADER.size) + 5  # the name, its type and its class
        (kind,) = struct.unpack_from("!H", data, end - 4)
        records = [_record(address) for address in self.addresses] if kind == _TYPE_A else []
        header = _HEADER.pack(number, _ANSWERED, 1, len(records), 0, 0)
        if self._transport is not None:
            self._transport.sendto(header + data[_HEADER.size : end] + b"".join(records), addr)


def _record(address: str) -> bytes:
    head = struct.pack("!HHHIH", _POINTER_TO_QUESTION, _TYPE_A, _CLASS_IN, _TTL_S, 4)
    return head + socket.inet_aton(address)


@asynccontextmanager
async def naming(addresses: list[str]) -> AsyncIterator[tuple[NameServer, int]]:
    """Serve names and yield the server and its port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(addresses), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, int(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
