"""The client installs alone: its wheel, and the modules that it imports."""

import json
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from contract.fields import MAX_IMAGE_BYTES
from servicekit import limits

ROOT = Path(__file__).parents[2]
OURS = {"colorize", "commandkit", "contract", "gateway", "modelkit", "ocr", "servicekit", "vision"}
HEAVY = {"google", "grpc", "numpy", "onnxruntime", "opentelemetry", "pydantic", "sqlalchemy"}

USE = """\
import json, sys
sys.path += sys.argv[1:]
from commandkit.cli import main
from imagemesh.client import Client
server = ["--server", "http://127.0.0.1:1", "--timeout", "0.1"]
codes = [main(["--help"]), main(["usage", *server]), main(["keys", "list"])]
print(json.dumps([codes, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of the client."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT / "client")
    return next(folder.glob("imagemesh_client-*.whl"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of links to the packages of others that are installed."""
    folder = tmp_path_factory.mktemp("packages")
    for place in filter(lambda path: path.endswith("site-packages"), sys.path):
        for package in Path(place).iterdir():
            link = folder / package.name
            if not package.name.startswith("imagemesh") and not link.exists():
                link.symlink_to(package)
    return folder


def test_wheel_holds_the_members_that_it_imports_and_needs_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        needs = Parser().parsestr(file.read(metadata).decode()).get_all("Requires-Dist") or []

    code = {name.partition("/")[0] for name in names if name.endswith(".py")}
    assert code == {"commandkit", "contract", "imagemesh"}
    assert "aiohttp" in needs
    assert not [need for need in needs if need.startswith(("imagemesh", *HEAVY))]


def test_installed_client_imports_no_server(wheel: Path, packages: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path)
    # Without any package that this Python has installed.
    python = [sys.executable, "-I", "-S", "-c", USE]
    done = subprocess.run(
        [*python, tmp_path, packages], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    codes, imported = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0, 1, 2]
    assert set(imported) & OURS == {"commandkit", "contract"}
    assert not set(imported) & HEAVY
    assert "keys is a command of imagemesh-gateway, which is not installed" in done.stderr


def test_limit_of_images_is_that_of_the_mesh() -> None:
    assert MAX_IMAGE_BYTES == limits.MAX_IMAGE_BYTES
