"""The Python example of client/README.md: clean under mypy's strict mode, and it runs."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.running import Gateway

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(gateway: Gateway, scan: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the example as a file that asks the gateway of the tests."""
    monkeypatch.setenv("IMAGEMESH_API_KEY", gateway.key)
    readme = (ROOT / "client" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert "http://127.0.0.1:8080" in code
    path = scan.with_name("example.py")
    path.write_text(code.replace("http://127.0.0.1:8080", gateway.url))
    return path


async def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *map(str, command)],
        check=False,
        capture_output=True,
        cwd=folder,
        text=True,
    )


async def test_example_runs(example: Path) -> None:
    done = await run(example, folder=example.parent)

    text, details, tags, refused = done.stdout.splitlines()
    assert text == "Extracted text will appear here."
    assert details.startswith("by-hand ")
    assert tags == "['baseball', 'ballplayer, baseball player']"
    assert refused.startswith("415 unsupported_media_type ")


async def test_example_is_typed(example: Path) -> None:
    options = ("--strict", "--python-version", "3.10", "--config-file", ROOT / "pyproject.toml")
    done = await run("-m", "mypy", *options, example, folder=ROOT)

    assert done.stdout == "Success: no issues found in 1 source file\n"
