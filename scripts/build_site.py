"""Gather the Markdown pages of the repository in `.site`, from where Zensical builds a site."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SITE = ROOT / ".site"
CONFIG = ROOT / "docs" / "site.yml"
LINKED = frozenset({".png", ".jpg", ".svg", ".txt"})  # what pages show, all of it in docs/
NESTED_ITEM = re.compile(r"^  (?=- )", re.MULTILINE)  # GitHub takes two spaces, Zensical four


def main() -> None:
    """Write the pages, what they show, and the configuration."""
    shutil.rmtree(SITE, ignore_errors=True)
    for path in files():
        copy = SITE / "pages" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            copy.write_text(NESTED_ITEM.sub("    ", (ROOT / path).read_text()))
        else:
            shutil.copyfile(ROOT / path, copy)
    (SITE / "mkdocs.yml").write_text(yaml.safe_dump(config()))


def files() -> list[Path]:
    """Return the pages, and the files that they show, relative to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    paths = (Path(name) for name in listed if name and (ROOT / name).is_file())
    return [path for path in paths if path.suffix == ".md" or _is_shown(path)]


def _is_shown(path: Path) -> bool:
    return path.parts[0] == "docs" and path.suffix in LINKED


def config() -> dict[str, Any]:  # Any: a YAML document
    """Return the configuration of the site, each pattern replaced by the pages it stands for."""
    read: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return {**read, "nav": list(_expanded(read["nav"]))}


def _expanded(entries: list[Any]) -> Iterator[Any]:  # Any: a path, or a title with one or a list
    for entry in entries:
        if isinstance(entry, str):
            yield from sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(entry))
            continue
        for title, inner in entry.items():
            found = list(_expanded([inner] if isinstance(inner, str) else inner))
            yield {title: found[0] if found == [inner] else found}


if __name__ == "__main__":
    main()
