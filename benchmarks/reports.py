"""Reports of benchmarks: the machine and Markdown tables."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def describe_machine() -> str:
    """Return the date, commit and processor that figures must be read with."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    name = cpu[0].partition(": ")[2] if cpu else platform.processor()
    return f"{datetime.now(UTC):%Y-%m-%d}, {name}, {os.cpu_count()} cores, commit {commit}."


def report(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the machine and a table."""
    print(f"\n{describe_machine()}\n\n{table(head, rows)}")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; floats get two digits after the point."""
    lines = [head, ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
