"""The whole mesh as real processes on free ports, started once for all tests here."""

import os
import re
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import pytest

from servicekit.client import open_channel
from tests.mesh.pictures import LETTER, PictureServer, letter, portrait

ROOT = Path(__file__).parents[2]
SERVICES = ("colorize", "ocr", "vision")


@dataclass(frozen=True)
class RunningMesh:
    """What `make run` started.

    Attributes:
        url: of the gateway.
        key: the demo key.
        ports: of the services, by name.
        authz_port: of the gateway, for Envoy.
        folder: logs and the key.
        process: the runner.
    """

    url: str
    key: str
    ports: dict[str, int]
    authz_port: int
    folder: Path
    process: subprocess.Popen[str]

    def process_id(self, name: str) -> int:
        """Return the id of the process `python -m name` that the runner started."""
        children = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        line = re.search(rf"^\s*(\d+) .* -m {name}$", children, re.MULTILINE)
        assert line, children
        return int(line[1])


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """Start the mesh as `make run` does, and stop it with SIGTERM."""
    folder = tmp_path_factory.mktemp("mesh")
    names = ("PORT", "GATEWAY_AUTHZ_PORT", *(f"{name.upper()}_PORT" for name in SERVICES))
    metrics = tuple(f"{name.upper()}_METRICS_PORT" for name in SERVICES)
    ports = dict(zip(names + metrics, free_ports(len(names + metrics)), strict=True))
    environment = {
        **os.environ,  # noqa: TID251 - the processes need the machine's
        **{name: str(port) for name, port in ports.items()},
        "IMAGEMESH_RUN_DIR": str(folder),
        "GATEWAY_FETCH_ALLOW": "127.0.0.0/8",
    }
    process = subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "run_mesh.py"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    curl = process.stdout.readline()
    assert "imagemesh is ready at" in ready, (ready, _logs(folder))
    assert curl.startswith("curl ")
    services = {name: ports[f"{name.upper()}_PORT"] for name in SERVICES}
    key = (folder / "api-key").read_text().strip()
    url, authz_port = f"http://127.0.0.1:{ports['PORT']}", ports["GATEWAY_AUTHZ_PORT"]
    yield RunningMesh(url, key, services, authz_port, folder, process)
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=60)
    process.stdout.close()
    assert code == 0
    assert traces_in_logs(folder, key) == []


def traces_in_logs(folder: Path, key: str) -> list[str]:
    """Return what all these tests sent and no log may hold: keys, pictures and their text."""
    logs = b"".join(path.read_bytes() for path in folder.glob("*.log"))
    assert b'"route": "/api/v1/ocr"' in logs  # there is something to look through
    secrets = [key.encode(), *(line.encode() for line in LETTER.splitlines() if " " in line)]
    for picture in (letter(), portrait()):
        inside = picture[len(picture) // 2 :][:40]
        secrets += [inside, repr(inside)[2:40].encode(), b64encode(picture)[400:440]]
    return [repr(secret) for secret in secrets if secret in logs]


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    for listener in sockets:
        listener.bind(("127.0.0.1", 0))
    ports = [int(listener.getsockname()[1]) for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def _logs(folder: Path) -> str:
    return "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))


@pytest.fixture(scope="session")
async def channels(mesh: RunningMesh) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    """Open a channel to each service."""
    opened = {name: open_channel(f"127.0.0.1:{port}") for name, port in mesh.ports.items()}
    yield opened
    for channel in opened.values():
        await channel.close()


@pytest.fixture(scope="session")
async def rest(mesh: RunningMesh) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session that sends the demo key."""
    async with aiohttp.ClientSession(mesh.url, headers={"X-API-Key": mesh.key}) as session:
        yield session


@pytest.fixture(scope="session")
def pictures() -> Iterator[PictureServer]:
    """Serve pictures on loopback."""
    with PictureServer({"letter.png": letter(), "portrait.jpg": portrait()}) as server:
        yield server
