"""`make run` checks its ports before it starts anything, and its logs are bounded."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from supervisor.options import ServerOptions  # type: ignore[import-untyped]  # it ships no types

from scripts.ports import free_ports
from scripts.render_base import ROOT
from scripts.run_mesh import supervisor_config

SERVICES = ("COLORIZE", "OCR", "VISION")


@pytest.mark.parametrize("variable", ["NATS_PORT", "OCR_METRICS_PORT"])
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


def test_logs_are_rotated(tmp_path: Path) -> None:
    path = tmp_path / "supervisord.conf"
    path.write_text(supervisor_config({"gateway": ["gateway"], "nats": ["nats-server"]}))
    options = ServerOptions()
    options.realize(["-c", str(path)])

    programs = [one for group in options.process_group_configs for one in group.process_configs]
    bounds = {
        one.name: (one.stdout_logfile_maxbytes, one.stdout_logfile_backups) for one in programs
    }
    bounds["supervisord"] = (options.logfile_maxbytes, options.logfile_backups)

    assert bounds == dict.fromkeys(["gateway", "nats", "supervisord"], (10 * 2**20, 3))
    assert all(one.redirect_stderr for one in programs)
