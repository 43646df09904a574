"""Fixtures of the client's tests: the hand-written services, and a real gateway before them."""

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from servicekit.logs import configure_logs
from tests.client.scripted import PNG, Certificate
from tests.gateway.conftest import addresses, gateway, nats, stage, start  # noqa: F401 - fixtures
from tests.gateway.ended import Ended, ended
from tests.gateway.running import Gateway

Run = Callable[..., Awaitable[Ended]]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return an image's file."""
    path = tmp_path / "scan.png"
    path.write_bytes(PNG)
    return path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return a certificate; skip where openssl is absent."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on this machine")
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "own.pem", folder / "own.key")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=own"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(made.key_path), "-out", str(made.path)]
    subprocess.run([openssl, *request, *names, *files], check=True, capture_output=True)
    return made


@pytest.fixture
def run(
    gateway: Gateway,  # noqa: F811 - the fixture
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """Return a function that runs `imagemesh COMMAND ARGUMENTS` with a good key."""
    key_file = tmp_path / "api-key"
    key_file.write_text(f"{gateway.key}\n")
    configure_logs("error", log_format="json")  # the gateway shares stdout with the command

    async def run_command(command: str, *arguments: str | Path, url: str = gateway.url) -> Ended:
        argv = [command, *map(str, arguments), "--server", url, "--key-file", str(key_file)]
        # The command has an event loop of its own.
        return await asyncio.to_thread(ended, argv, capsys)

    return run_command
