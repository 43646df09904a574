"""Make an environment of its own for each peer, which ask for packages that rule each other out."""

import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.peers.catalogue import Peer

REQUIREMENTS = Path(__file__).parent / "requirements"
TORCH = "torch==2.13.0"  # as the Makefile has it


def python_of(peer: Peer, cache: Path) -> Path:
    """Return the Python that runs a peer's server; ours runs in the environment of the project.

    Raises:
        FileNotFoundError: The environment has not been made.
    """
    if not peer.environment:
        return Path(sys.executable)
    python = cache / peer.environment / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(
            f"{peer.name} has no environment; python -m benchmarks.peers setup makes it"
        )
    return python


def make_environment(name: str, cache: Path, *, torch_pip_args: str) -> None:
    """Make a peer's environment, or complete it.

    Args:
        name: Of the environment and of its file of requirements.
        cache: The folder of all environments.
        torch_pip_args: Options of pip for torch alone, such as those of an index of CPU builds.
    """
    folder = cache / name
    venv.create(folder, symlinks=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq"]
    _run(*pip, *shlex.split(torch_pip_args), TORCH)
    _run(*pip, "--no-deps", "--requirement", str(REQUIREMENTS / f"{name}.txt"))


def packages_of(peer: Peer, cache: Path) -> dict[str, str]:
    """Return the versions of all packages of a peer's environment."""
    lines = _run(str(python_of(peer, cache)), "-m", "pip", "freeze", "--exclude-editable")
    return dict(line.split("==") for line in lines.splitlines() if "==" in line)


def _run(*command: str) -> str:
    return subprocess.run(  # noqa: S603 - pip, with what stands in this package
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},  # noqa: TID251 - pip's settings
    ).stdout
