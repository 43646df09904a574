"""`make run` checks its ports before it starts anything."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.ports import free_ports
from scripts.render_base import ROOT

SERVICES = ("COLORIZE", "OCR", "VISION")


@pytest.mark.parametrize("variable", ["PORT", "NATS_PORT", "OCR_PORT", "OCR_METRICS_PORT"])
def test_a_taken_port_is_named_and_nothing_starts(variable: str, tmp_path: Path) -> None:
    services = [f"{name}_{kind}" for name in SERVICES for kind in ("PORT", "METRICS_PORT")]
    names = ["PORT", "NATS_PORT", *services]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    environment = {
        **os.environ,  # noqa: TID251 - the process needs the machine's
        **{name: str(port) for name, port in ports.items()},
        "IMAGEMESH_RUN_DIR": str(tmp_path),
    }

    with socket.create_server(("127.0.0.1", ports[variable])):
        done = subprocess.run(
            [sys.executable, "scripts/run_mesh.py"],
            cwd=ROOT,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"port {ports[variable]} is taken; set {variable} to another one\n"
    assert list(tmp_path.iterdir()) == []
