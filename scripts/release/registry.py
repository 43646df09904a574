"""Registry of a release: a remote one, or one on loopback for a dry run."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.ports import free_ports

_SERVERS = ("docker-registry", "registry")  # Debian's name of the program, and its own
_STARTED_WITHIN_S = "30"


@dataclass(frozen=True, slots=True)
class Inspected:
    """Facts that a registry tells about an image.

    Attributes:
        reference: NAME@DIGEST.
        size_bytes: compressed, of all layers.
        labels: of its configuration.
    """

    reference: str
    size_bytes: int
    labels: dict[str, str]


def run(command: Sequence[str], *, cwd: Path | None = None) -> str:
    """Run a command and return its output.

    Raises:
        SystemExit: the command failed or is not installed.
    """
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is not installed")
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def is_loopback(name: str) -> bool:
    """Return whether a registry or an image of it is on this machine, and so without TLS."""
    return name.startswith("127.0.0.1:")


def reference(name: str) -> str:
    """Return NAME@DIGEST of what a registry has under a tag: an image, an index or a chart."""
    return _reference(name, _ask("--raw", name=name))


def inspect(name: str) -> Inspected:
    """Return the digest, size and labels of a pushed image."""
    manifest = _ask("--raw", name=name)
    told: dict[str, Any] = json.loads(_ask(name=name))  # Any: a JSON document
    return Inspected(
        reference=_reference(name, manifest),
        size_bytes=sum(layer["size"] for layer in json.loads(manifest)["layers"]),
        labels=told["Labels"] or {},
    )


def repository(name: str) -> str:
    """Return the name of an image without its tag or digest."""
    path, _, last = name.partition("@")[0].rpartition("/")
    return f"{path}/{last.partition(':')[0]}"


def _reference(name: str, manifest: str) -> str:
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    return f"{repository(name)}@sha256:{digest}"


def _ask(*options: str, name: str) -> str:
    transport = ["--tls-verify=false"] if is_loopback(name) else []
    return run(["skopeo", "inspect", *options, *transport, f"docker://{name}"])


@contextmanager
def registry_on_loopback(folder: Path) -> Iterator[str]:
    """Yield the address of a registry that keeps its content in `folder`.

    Raises:
        SystemExit: there is no program of a registry on this machine.
    """
    server = next(filter(None, map(shutil.which, _SERVERS)), None)
    if server is None:
        raise SystemExit("no registry on this machine: install docker-registry, or give REGISTRY=")
    (port,) = free_ports(1)
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'registry'}'}}}}\n"
    )
    process = subprocess.Popen(
        [server, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        retry = ["--retry-connrefused", "--retry", "30", "--retry-max-time", _STARTED_WITHIN_S]
        run(["curl", "--silent", "--fail", *retry, f"http://127.0.0.1:{port}/v2/"])
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
