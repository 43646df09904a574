"""Reports of benchmarks: the machine, Markdown tables and JSON files."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

JsonFile: TypeAlias = Annotated[Path | None, typer.Option("--json", help="file for the figures")]
"""Option of every benchmark that writes its figures."""


def describe_machine(packages: Sequence[str] = ()) -> dict[str, object]:
    """Return the date, commit, processor and versions that figures must be read with."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit or "unknown",
        "cpu": cpu[0].partition(": ")[2] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def write_json(path: Path | None, packages: Sequence[str], **figures: object) -> None:
    """Write figures and the machine to a file, if one is named."""
    if path is not None:
        told = {**describe_machine(packages), **figures}
        path.write_text(json.dumps(told, indent=2, default=asdict) + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; floats get two digits after the point."""
    lines = [head, ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
