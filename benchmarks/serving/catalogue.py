"""Catalogue of the compared servers, read from servers.toml, and their environments."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import modelkit
import servicekit
import vision
from benchmarks.processes import inherited
from benchmarks.serving import wire
from benchmarks.serving.model import Orders

HERE = Path(__file__).parent
CACHE = Path("~/.cache/imagemesh-benchmarks").expanduser()
_FRAMES = {one.__name__: one for one in (wire.plain, wire.form, wire.classify)}
# Folders that the shared model is imported from, as here.
_SOURCES = [
    str(HERE.parents[1]),
    *(str(Path(str(one.__file__)).parents[1]) for one in (modelkit, servicekit, vision)),
]


@dataclass(frozen=True, slots=True)
class Peer:
    """A server in one configuration; servers.toml says what the fields mean."""

    name: str
    protocol: str
    path: str
    command: tuple[str, ...] = ()
    environment: str = ""
    frame: Callable[[bytes], bytes] = wire.plain
    headers: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """The Python that runs the server.

        Raises:
            FileNotFoundError: Its environment has not been made.
        """
        if not self.environment:
            return Path(sys.executable)
        python = CACHE / self.environment / "bin" / "python"
        if not python.exists():
            command = "python -m benchmarks.serving setup"
            raise FileNotFoundError(f"{self.name} has no environment; {command} makes it")
        return python

    def start_command(self, port: int) -> list[str]:
        """Return the command that starts the server on a port."""
        return [str(self.python), *(one.format(port=port) for one in self.command)]

    def start_environment(self, orders: Orders) -> dict[str, str]:
        """Return all variables of the server's process, alike for all but for its own ones.

        glibc's malloc is set as in this process; README.md says what helps most.
        """
        here = inherited()
        kept = {name for name in here if name in {"HOME", "LANG"} or name.startswith("MALLOC_")}
        sources = _SOURCES if self.environment else [one for one in sys.path if one]
        return {
            **{name: here[name] for name in kept},
            "OMP_NUM_THREADS": "1",
            "PATH": f"{self.python.parent}:{os.defpath}",
            "PYTHONPATH": ":".join(sources),
            **orders.to_environment(),
            **{name: one.format(port=orders.port) for name, one in self.variables.items()},
        }


def read_catalogue() -> dict[str, Peer]:
    """Return the servers by name."""
    found = tomllib.loads((HERE / "servers.toml").read_text(encoding="utf-8"))
    return {
        name: Peer(name, **{**entry, "frame": _FRAMES[entry.get("frame", "plain")]})
        for name, entry in found.items()
    }


def make_environment(name: str) -> None:
    """Make or complete the virtual environment that a file of requirements describes."""
    CACHE.mkdir(parents=True, exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    _uv("venv", "--allow-existing", "--python", version, str(CACHE / name))
    requirements = str(HERE / "requirements" / f"{name}.txt")
    python = str(CACHE / name / "bin" / "python")
    _uv("pip", "install", "--no-deps", "--python", python, "--requirement", requirements)


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], check=True)  # noqa: S603 - uv
