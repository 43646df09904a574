"""A real NATS server for tests, from the wheel, on a port and in a folder of its own."""

import hashlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.ports import free_port

_ASKED = 20_000  # times that a starting server is asked whether it listens; each takes 0.1 ms


@dataclass(slots=True)
class NatsServer:
    """A server that can be killed and started again on the same port and data."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        """URL of the server, as the gateway's setting has it."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        program = str(Path(sys.executable).with_name("nats-server"))
        where = ["--addr", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [program, *where, "--jetstream", "--store_dir", str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(_ASKED):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
        raise TimeoutError(program)

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_all(self) -> None:
        """Delete what it has stored."""
        shutil.rmtree(self.folder)


@contextmanager
def nats_server() -> Iterator[NatsServer]:
    """Run a NATS server."""
    folder = Path(tempfile.mkdtemp(prefix="imagemesh-nats-"))
    server = NatsServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def prefix_of(folder: Path) -> str:
    """Return the name of the stream of the gateways whose files are in `folder`."""
    return "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
