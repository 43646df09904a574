"""The whole mesh as real processes on free ports, started once for all tests here."""

import os
import re
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import pytest
from playwright.async_api import Browser, Page, async_playwright

from scripts.ports import free_ports
from servicekit.client import open_channel
from tests.mesh.chromium import CHROMIUM, DESKTOP
from tests.mesh.images import LETTER, ImageServer, letter, portrait

ROOT = Path(__file__).parents[2]
SERVICES = ("colorize", "ocr", "vision")


@dataclass(frozen=True)
class RunningMesh:
    """Mesh that `make run` started.

    Attributes:
        url: of the gateway.
        key: the demo key.
        ports: of the services, by name.
        folder: logs and the key.
        process: the runner.
        link: to the page with the demo key, as it is printed.
    """

    url: str
    key: str
    ports: dict[str, int]
    folder: Path
    process: subprocess.Popen[str]
    link: str

    def process_id(self, name: str) -> int:
        """Return the id of the process `python -m name` that the runner started."""
        line = re.search(rf"^\s*(\d+) .* -m {name}$", _children(self.folder), re.MULTILINE)
        assert line, name
        return int(line[1])


@contextmanager
def started(
    *command: str, folder: Path, settings: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """Start a mesh as a user does and stop it with SIGTERM.

    Yields its process and the lines that it prints once it is ready, a curl command the last.

    Args:
        command: what Python is given.
        folder: of the logs and the key.
        settings: variables beside those of this process.
    """
    environment = {
        **os.environ,  # noqa: TID251 - the processes need the machine's
        **settings,
        "IMAGEMESH_RUN_DIR": str(folder),
        "GATEWAY_FETCH_ALLOW": "127.0.0.0/8",
        "GATEWAY_WEBHOOK_ALLOW": "127.0.0.0/8",
        "GATEWAY_WEBHOOK_SECRET": "a secret of these tests, of 32 characters or more",
        "GATEWAY_RATE_LIMIT": "",
        "GATEWAY_REQUEST_TIMEOUT_S": "240",  # on a busy machine nothing shall be late
    }
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    printed = [process.stdout.readline()]
    assert "imagemesh is ready at" in printed[0], (printed, _logs(folder))
    while not printed[-1].startswith("curl "):
        printed.append(next(process.stdout))
    yield process, printed
    children = [int(line.split()[0]) for line in _children(folder).splitlines()]
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=60)
    process.stdout.close()
    assert code == 0
    assert [one for one in children if Path(f"/proc/{one}").exists()] == []


def _children(folder: Path) -> str:
    """Return id and command of each process that the mesh of a folder runs, a line each."""
    supervisor = (folder / "supervisord.pid").read_text().strip()
    command = ["ps", "-o", "pid=,args=", "--ppid", supervisor]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """Start the mesh as `make run` does, and stop it with SIGTERM."""
    folder = tmp_path_factory.mktemp("mesh")
    names = ("PORT", "NATS_PORT", *(f"{name.upper()}_PORT" for name in SERVICES))
    metrics = tuple(f"{name.upper()}_METRICS_PORT" for name in SERVICES)
    ports = dict(zip(names + metrics, free_ports(len(names + metrics)), strict=True))
    settings = {name: str(port) for name, port in ports.items()}
    command = "scripts/run_mesh.py"
    with started(command, folder=folder, settings=settings) as (process, printed):
        services = {name: ports[f"{name.upper()}_PORT"] for name in SERVICES}
        key = (folder / "api-key").read_text().strip()
        url = f"http://127.0.0.1:{ports['PORT']}"
        link = printed[1].split()[1]
        yield RunningMesh(url, key, services, folder, process, link)
    assert traces_in_logs(folder, key) == []


def traces_in_logs(folder: Path, key: str) -> list[str]:
    """Return what all these tests sent and no log may hold: keys, images and their text."""
    logs = b"".join(path.read_bytes() for path in folder.glob("*.log"))
    assert b'"route": "/api/v1/ocr"' in logs  # there is something to look through
    secrets = [key.encode(), *(line.encode() for line in LETTER.splitlines() if " " in line)]
    for image in (letter(), portrait()):
        inside = image[len(image) // 2 :][:40]
        secrets += [inside, repr(inside)[2:40].encode(), b64encode(image)[400:440]]
    return [repr(secret) for secret in secrets if secret in logs]


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
def images() -> Iterator[ImageServer]:
    """Serve images on loopback."""
    with ImageServer({"letter.png": letter(), "portrait.jpg": portrait()}) as server:
        yield server


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium; tests that ask for it are skipped where it is not installed."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        # Tests run as root in a container, where Chromium's sandbox cannot.
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def complaints() -> list[str]:
    """Return the place where a page's errors and refused loads are noted."""
    return []


@pytest.fixture
async def page(browser: Browser, mesh: RunningMesh, complaints: list[str]) -> AsyncIterator[Page]:
    """Open the page by the link that `make run` prints; nothing may complain on its console."""
    context = await browser.new_context(
        base_url=mesh.url, viewport=DESKTOP, permissions=["clipboard-read", "clipboard-write"]
    )
    page = await context.new_page()
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(mesh.link)
    yield page
    await context.close()
    assert complaints == []
