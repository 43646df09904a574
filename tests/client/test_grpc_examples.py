"""The examples of client/examples/grpc against a hand-written ocr service."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagemesh.image.v1.image_pb2 import Model
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from imagemesh.ocr.v1.ocr_service_pb2 import RecognizeRequest, RecognizeResponse
from imagemesh.ocr.v1.page_pb2 import Line
from servicekit.errors import UnreadableImage
from servicekit.server import Service, serving
from tests.client.scripted import PNG
from tests.gateway.services import service_settings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "client" / "examples" / "grpc"
SETUP_S = 300


class Ocr(ocr_rpc.OcrServiceServicer):
    """Reads every image but one that is a PNG with something behind it."""

    # Any: the context is generic over messages that do not matter here.
    async def Recognize(  # noqa: N802 - of the proto
        self, request: RecognizeRequest, _: Any
    ) -> RecognizeResponse:
        """Answer with one line."""
        if request.image != PNG:
            raise UnreadableImage("the image is damaged")
        return RecognizeResponse(text="read", lines=[Line()], model=Model(name="by-hand"))


async def _load() -> None:
    """Load nothing."""


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Return where the service is."""
    service = Service(
        "imagemesh.ocr.v1.OcrService",
        lambda server: ocr_rpc.add_OcrServiceServicer_to_server(
            Ocr(),  # type: ignore[abstract]  # it answers one RPC
            server,
        ),
        _load,
        lambda: None,
    )
    async with serving(service, service_settings()) as port:
        yield f"127.0.0.1:{port}"


def tool(name: str) -> str:
    """Return the path of a program; skip where it is absent."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def set_up(command: list[str], folder: Path, **environment: str) -> None:
    """Run a command that fetches or builds; skip where it cannot."""
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        cwd=folder,
        env={**os.environ, **environment},  # noqa: TID251 - the tools need the machine's
        timeout=SETUP_S,
    )
    if done.returncode:
        pytest.skip(f"{' '.join(command[:2])} does not work here: {done.stderr[-300:]!r}")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the examples, as deep below the protos as they are."""
    (tmp_path / "protos").symlink_to(ROOT / "protos")
    folder = tmp_path / "client" / "examples" / "grpc"
    ignored = shutil.ignore_patterns("node_modules", "imagemesh")
    return shutil.copytree(EXAMPLES, folder, ignore=ignored)


async def check(command: list[str], address: str, scan: Path) -> None:
    """Run an example about an image and about what is none."""
    text = scan.with_suffix(".txt")
    text.write_bytes(PNG + b"damaged")
    good, bad = [
        await asyncio.to_thread(
            subprocess.run,
            [*command, address, str(path)],
            check=False,
            capture_output=True,
            text=True,
        )
        for path in (scan, text)
    ]
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == "read\n[by-hand, 1 lines]\n"
    assert bad.returncode == 1
    assert "the image is damaged" in bad.stderr


async def test_python(address: str, scan: Path) -> None:
    await check([sys.executable, str(EXAMPLES / "recognize.py")], address, scan)


async def test_node(address: str, scan: Path, copied: Path) -> None:
    node, npm = tool("node"), tool("npm")
    await asyncio.to_thread(set_up, [npm, "install", "--no-audit", "--no-fund"], copied)

    await check([node, str(copied / "recognize.mjs")], address, scan)


async def test_go(address: str, scan: Path, copied: Path, tmp_path: Path) -> None:
    go, buf = tool("go"), tool("buf")
    tool("protoc-gen-go"), tool("protoc-gen-go-grpc")
    package = tmp_path / "src" / "example.com" / "recognize"
    await asyncio.to_thread(set_up, [buf, "generate"], copied)
    shutil.copytree(copied, package)
    # Packages of a Linux distribution are no modules: they are found by GOPATH.
    paths = f"{tmp_path}:{os.getenv('GOPATH', '/usr/share/gocode')}"  # noqa: TID251 - Go's own
    build = [go, "build", "-o", "recognize", "."]
    await asyncio.to_thread(set_up, build, package, GO111MODULE="off", GOPATH=paths)

    await check([str(package / "recognize")], address, scan)


async def test_buf_curl_needs_no_protos(address: str) -> None:
    url = f"http://{address}/grpc.health.v1.Health/Check"
    command = [tool("buf"), "curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", "{}"]
    done = await asyncio.to_thread(
        subprocess.run, [*command, url], check=True, capture_output=True, text=True
    )

    assert '"SERVING"' in done.stdout
