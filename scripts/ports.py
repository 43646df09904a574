"""Ports of this machine that nobody listens on."""

import random
import socket
from contextlib import ExitStack, suppress

LOOPBACK = "127.0.0.1"

# Below those that Linux gives to outgoing connections: one of them might be taken meanwhile.
_PORTS = range(10_000, 32_768)


def free_port() -> int:
    """Return a port that is free now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = random.choice(_PORTS)  # noqa: S311 - so that two callers seldom get the same
            with suppress(OSError):
                stack.enter_context(socket.create_server((LOOPBACK, port)))
                found.append(port)
    return found
