"""Command `imagemesh models`: lists, pulls and verifies the models of installed services."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from modelkit.manifest import (
    InvalidManifestError,
    ModelEntry,
    how_to_install,
    is_whole,
    load_manifest,
    model_path,
)
from modelkit.pull import PullError, pull_model
from modelkit.settings import ModelCommandSettings
from servicekit.settings import load_settings

ENTRY_POINT_GROUP = "imagemesh.models"
BYTES_PER_MB = 1_000_000
HEADINGS = ("NAME", "VERSION", "TASK", "PROFILE", "SIZE", "LICENCE", "INSTALLED")


def main(argv: list[str]) -> int:
    """List the models, and pull those that do not ship with the project."""
    arguments = _parser().parse_args(argv)
    settings = load_settings(ModelCommandSettings)
    try:
        entries = installed_entries()
    except InvalidManifestError as error:
        return _fail(str(error))
    if arguments.command == "list":
        return list_models(entries, settings.models_dir)
    if arguments.command == "verify":
        return verify_models(entries, settings.models_dir)
    return pull_models(entries, arguments.names, settings)


def installed_entries() -> tuple[ModelEntry, ...]:
    """Return the models of every service on this machine, in the order of the services' names."""
    points = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    return tuple(entry for point in points for entry in load_manifest(point.value))


def list_models(entries: Sequence[ModelEntry], models_dir: Path) -> int:
    """Write a table of all models; an installed file is recognized by its size, not by its hash."""
    rows = [
        (
            entry.name,
            entry.version,
            entry.task,
            entry.profile,
            f"{entry.bytes / BYTES_PER_MB:.1f} MB",
            entry.licence,
            _presence(entry, models_dir, lambda path, entry: path.stat().st_size == entry.bytes),
        )
        for entry in entries
    ]
    write_table((HEADINGS, *rows))
    return 0


def verify_models(entries: Sequence[ModelEntry], models_dir: Path) -> int:
    """Hash every installed file and write the results; 1 when a file is damaged."""
    rows = [
        (entry.name, entry.version, _presence(entry, models_dir, is_whole)) for entry in entries
    ]
    write_table((("NAME", "VERSION", "INSTALLED"), *rows))
    return int(any(presence == "damaged" for _, _, presence in rows))


def pull_models(
    entries: Sequence[ModelEntry], names: Sequence[str], settings: ModelCommandSettings
) -> int:
    """Pull the named models, or all with a url; 1 when a pull failed."""
    known = {entry.name: entry for entry in entries}
    unknown = sorted(set(names) - set(known))
    if unknown:
        return _fail(f"no model is called {', '.join(unknown)}; see `imagemesh models list`")
    wanted = [known[name] for name in names] or [entry for entry in entries if entry.url]
    failures = 0
    for entry in wanted:
        try:
            if entry.url is None:
                _require_package(entry, settings.models_dir)
            else:
                pull_model(
                    entry,
                    models_dir=settings.models_dir,
                    mirror=settings.models_mirror,
                    progress=_progress(entry),
                )
        except PullError as error:
            failures += _fail(str(error))
        else:
            sys.stdout.write(f"{entry.name} {entry.version} is installed\n")
    return int(failures > 0)


def _require_package(entry: ModelEntry, models_dir: Path) -> None:
    if _presence(entry, models_dir, is_whole) != "yes":
        raise PullError(how_to_install(entry))


def _presence(
    entry: ModelEntry, models_dir: Path, is_right: Callable[[Path, ModelEntry], bool]
) -> str:
    path = model_path(entry, models_dir)
    if path is None or not path.is_file():
        return "no"
    return "yes" if is_right(path, entry) else "damaged"


def _progress(entry: ModelEntry) -> Callable[[int], None]:
    is_terminal = sys.stderr.isatty()

    def show(done_bytes: int) -> None:
        if is_terminal:
            percent = 100 * done_bytes / entry.bytes
            end = "\n" if done_bytes >= entry.bytes else ""
            sys.stderr.write(
                f"\r{entry.name} {done_bytes / BYTES_PER_MB:.1f} MB {percent:.0f} %{end}"
            )

    return show


def write_table(rows: Sequence[Sequence[str]]) -> None:
    """Write rows as a table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _fail(message: str) -> int:
    sys.stderr.write(f"imagemesh models: {message}\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagemesh models", description="The models of the services on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name, profile, size, licence, and whether it is installed")
    commands.add_parser("verify", help="check the size and hash of every installed model")
    pull = commands.add_parser("pull", help="download models; all that have a url without NAME")
    pull.add_argument("names", nargs="*", metavar="NAME")
    return parser
