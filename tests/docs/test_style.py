"""Rules of the style that no linter here knows."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 400

# A suppression, and the comment behind it that gives the reason.
SUPPRESSED = re.compile(r"# type: ignore(?!\[[a-z-]+\]  # \w)")


def sources() -> list[Path]:
    """Return every Python file that git knows or would add, but the generated ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    paths = [ROOT / name for name in listed if not name.startswith("protos/gen/")]
    return [path for path in paths if path.exists()]


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {str(path): len(path.read_text().splitlines()) for path in sources()}

    assert lengths
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_every_type_ignore_has_its_reason() -> None:
    this = Path(__file__)
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sources()
        if path != this
        for line in path.read_text().splitlines()
        if SUPPRESSED.search(line)
    ]

    assert lines == []
