"""Commands of the README, the tutorials and the guides: each runs as pasted, and prints that."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mesh.conftest import ROOT, RunningMesh
from tests.mesh.fences import Step, is_shown, pages, steps

EXAMPLES = ROOT / "gateway" / "src" / "gateway" / "examples"
WRITTEN_URL = "http://127.0.0.1:8080"  # of the mesh in the pages
MOST_SECONDS = 240  # of a page


@pytest.fixture
def folder(tmp_path: Path, mesh: RunningMesh) -> Path:
    """Return a folder like the checkout of a reader, with a few images of their own."""
    (tmp_path / ".run").symlink_to(mesh.folder)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "album").mkdir()
    for name, example in [
        ("scan.png", "letter.png"),
        ("photo.jpg", "balloon.jpg"),
        ("album/one.jpg", "landscape.jpg"),
        ("album/two.jpg", "faces.jpg"),
    ]:
        shutil.copyfile(EXAMPLES / example, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("page", pages(ROOT))
def test_commands_of_page_print_what_it_shows(page: str, folder: Path, mesh: RunningMesh) -> None:
    text = (ROOT / page).read_text()
    found = steps(text)

    printed = run(found, folder, mesh)

    wrong = [
        f"{page}:{step.line} shows\n{step.output}\nprinted was\n{output}"
        for step, output in zip(found, printed, strict=True)
        if not is_shown(step.output, output)
    ]
    assert found or "<!-- not run" in text
    assert wrong == []


def run(found: list[Step], folder: Path, mesh: RunningMesh) -> list[str]:
    """Run the steps in one shell, as a reader does, and return the output of each."""
    script = "set -euo pipefail\n" + "".join(
        f"printf '\\n=== step\\n'\n{step.script}" for step in found
    )
    environment = {
        **os.environ,  # noqa: TID251 - the shell needs the machine's
        "HOME": str(folder),
        "IMAGEMESH_URL": mesh.url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # noqa: TID251 - as above
        "PYTHONUNBUFFERED": "1",
    }
    done = subprocess.run(
        ["bash"],
        input=script.replace(WRITTEN_URL, mesh.url),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    output = done.stdout.replace(mesh.url, WRITTEN_URL)
    assert done.returncode == 0, f"{output[-2000:]}\n{done.stderr[-2000:]}"
    return output.split("\n=== step\n")[1:]
