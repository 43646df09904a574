"""The committed binding is what the protos generate."""

import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate the binding anew, beside the committed one."""
    root = tmp_path_factory.mktemp("protos")
    command = ["make", "--old-file=setup", "protos", f"GEN={root}"]
    subprocess.run(command, cwd=ROOT, check=True)
    return root


def test_committed_binding_is_fresh(generated: Path) -> None:
    committed = ROOT / "protos" / "gen"

    assert _texts(committed) == _texts(generated)


def _texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*_pb2*"))
        if path.suffix in {".py", ".pyi"}
    }


def test_floors_of_the_runtime_are_those_of_the_generator() -> None:
    """Generated code refuses to load with an older runtime than its generator's."""
    project = tomllib.loads((ROOT / "protos" / "pyproject.toml").read_text())["project"]

    assert f"grpcio>={version('grpcio-tools')}" in project["dependencies"]


def test_protos_pass_buf_lint() -> None:
    subprocess.run(["buf", "lint"], cwd=ROOT, check=True)
