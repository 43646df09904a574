"""Command `imagemesh models`: lists, pulls and verifies the models of installed services."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias

from tqdm import tqdm

from commandkit.cli import new_app
from commandkit.tables import table
from modelkit.manifest import (
    InvalidManifestError,
    ModelEntry,
    candidates_of,
    has_size,
    how_to_install,
    is_whole,
    load_manifest,
    model_path,
    pinned,
)
from modelkit.pins import LOCK_FILE
from modelkit.pull import PullError, pull_model
from modelkit.settings import ModelCommandSettings
from servicekit.settings import load_settings

ENTRY_POINT_GROUP = "imagemesh.models"
Profile: TypeAlias = Literal["full", "standard", "embedded"]
BYTES_PER_MB = 1_000_000
HEADINGS = ("NAME", "VERSION", "TASK", "PROFILE", "SIZE", "LICENCE", "INSTALLED")


APP = new_app("models", help="List the models, and pull those that do not ship with the project.")


class UnknownModelError(Exception):
    """A name or task that no manifest has."""


def installed_or_exit() -> tuple[ModelEntry, ...]:
    """Return the models of every service on this machine; a wrong manifest ends the process."""
    try:
        return installed_entries()
    except InvalidManifestError as error:
        sys.exit(_fail(str(error)))


@APP.command(name="list")
def list_installed() -> int:
    """Print name, profile, size and licence of every model, and whether it is installed."""
    return list_models(installed_or_exit(), load_settings(ModelCommandSettings).models_dir)


@APP.command
def verify() -> int:
    """Check the size and the hash of every installed model."""
    return verify_models(installed_or_exit(), load_settings(ModelCommandSettings).models_dir)


@APP.command
def pull(
    names: list[str] | None = None,
    /,
    *,
    profile: Profile | None = None,
    task: list[str] | None = None,
    require_hashes: bool = False,
) -> int:
    """Download models; without names and --profile all that have a URL and a hash.

    Args:
        names: Names of models.
        profile: Only the best model of each task up to this profile.
        task: Only models of this task; may be repeated.
        require_hashes: Refuse a model whose hash is neither in its manifest nor in the lock.
    """
    settings = load_settings(ModelCommandSettings)
    try:
        wanted = choose_models(installed_or_exit(), names or (), profile=profile, tasks=task)
    except UnknownModelError as error:
        return _fail(f"{error}; see `imagemesh models list`")
    return pull_models(wanted, settings, require_hashes=require_hashes)


def installed_entries() -> tuple[ModelEntry, ...]:
    """Return the models of every service on this machine, in the order of the services' names."""
    points = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    return tuple(entry for point in points for entry in load_manifest(point.value))


def list_models(entries: Sequence[ModelEntry], models_dir: Path) -> int:
    """Write a table of all models; an installed file is recognized by its size, not by its hash."""
    rows = [_row(entry, _presence(entry, models_dir, has_size)) for entry in entries]
    sys.stdout.write(f"{table((HEADINGS, *rows))}\n")
    return 0


def verify_models(entries: Sequence[ModelEntry], models_dir: Path) -> int:
    """Hash every installed file and write the results; 1 when a file is damaged."""
    rows = [
        (entry.name, entry.version, _presence(entry, models_dir, is_whole)) for entry in entries
    ]
    sys.stdout.write(f"{table((('NAME', 'VERSION', 'INSTALLED'), *rows))}\n")
    return int(any(presence == "damaged" for _, _, presence in rows))


def choose_models(
    entries: Sequence[ModelEntry],
    names: Sequence[str],
    *,
    profile: str | None = None,
    tasks: Sequence[str] | None = None,
) -> list[ModelEntry]:
    """Return the models to pull: the named ones, or those of a profile.

    Args:
        entries: All models.
        names: Names; with neither names nor a profile, all models with a url and a known hash.
        profile: Only the best models up to this profile, one group for each task.
        tasks: Only models of these tasks.

    Raises:
        UnknownModelError: A name or a task is not known.
    """
    known = {entry.name: entry for entry in entries}
    if unknown := sorted(set(names) - set(known)):
        raise UnknownModelError(f"no model is called {', '.join(unknown)}")
    if unknown := sorted(set(tasks or ()) - {entry.task for entry in entries}):
        raise UnknownModelError(f"no model has the task {', '.join(unknown)}")
    wanted = [known[name] for name in names] or [entry for entry in entries if entry.url]
    if not names and profile is None:
        wanted = [entry for entry in wanted if entry.sha256 is not None]
    if profile is not None:
        wanted = [one for one in wanted if one in candidates_of(entries, one.task, profile)]
    return [entry for entry in wanted if not tasks or entry.task in tasks]


def pull_models(
    wanted: Sequence[ModelEntry], settings: ModelCommandSettings, *, require_hashes: bool = False
) -> int:
    """Write the sizes and licences of models, then pull them; 1 when a pull failed.

    Args:
        wanted: Models to pull.
        settings: Folder and mirror.
        require_hashes: Refuse a model with a hash neither in the manifest nor in the lock.
    """
    _announce(wanted, settings.models_dir)
    failures = 0
    for entry in wanted:
        try:
            _pull(entry, settings, require_hashes=require_hashes)
        except PullError as error:
            failures += _fail(str(error))
        else:
            sys.stdout.write(f"{entry.name} {entry.version} is installed\n")
    return int(failures > 0)


def _announce(wanted: Sequence[ModelEntry], models_dir: Path) -> None:
    presences = [_presence(entry, models_dir, has_size) for entry in wanted]
    rows = [_row(*pair) for pair in zip(wanted, presences, strict=True)]
    sys.stdout.write(f"{table((HEADINGS, *rows))}\n")
    coming = [one for one, there in zip(wanted, presences, strict=True) if there != "yes"]
    unknown = sum(entry.bytes is None for entry in coming)
    sys.stdout.write(
        f"{len(coming)} to pull, {_megabytes(sum(entry.bytes or 0 for entry in coming))}"
        + (f" and {unknown} of unknown size" if unknown else "")
        + f"; licences: {', '.join(sorted({entry.licence for entry in coming})) or 'none'}\n"
    )
    for entry in coming:
        if pinned(entry, models_dir).sha256 is None and entry.url is not None:
            sys.stdout.write(
                f"{entry.name} has no known hash: what comes is trusted and pinned in {LOCK_FILE}\n"
            )


def _pull(entry: ModelEntry, settings: ModelCommandSettings, *, require_hashes: bool) -> None:
    if entry.url is None:
        _require_package(entry, settings.models_dir)
        return
    if require_hashes and pinned(entry, settings.models_dir).sha256 is None:
        raise PullError(
            f"model {entry.name} has no sha256 in its manifest or {LOCK_FILE}; --require-hashes "
            "refuses it"
        )
    # It writes to a terminal only.
    with tqdm(
        total=entry.bytes, unit="B", unit_scale=True, desc=entry.name, disable=None, leave=False
    ) as bar:
        pull_model(
            entry,
            models_dir=settings.models_dir,
            mirror=settings.models_mirror,
            progress=partial(_show, bar),
        )


def _show(bar: "tqdm[NoReturn]", done_bytes: int) -> None:
    bar.update(done_bytes - bar.n)


def _require_package(entry: ModelEntry, models_dir: Path) -> None:
    if _presence(entry, models_dir, is_whole) != "yes":
        raise PullError(how_to_install(entry))


def _presence(
    entry: ModelEntry, models_dir: Path, is_right: Callable[[Path, ModelEntry], bool]
) -> str:
    path = model_path(entry, models_dir)
    if path is None or not path.is_file():
        return "no"
    return "yes" if is_right(path, pinned(entry, models_dir)) else "damaged"


def _row(entry: ModelEntry, presence: str) -> tuple[str, ...]:
    size = "unknown" if entry.bytes is None else _megabytes(entry.bytes)
    return entry.name, entry.version, entry.task, entry.profile, size, entry.licence, presence


def _megabytes(size: int) -> str:
    return f"{size / BYTES_PER_MB:.1f} MB"


def _fail(message: str) -> int:
    sys.stderr.write(f"imagemesh models: {message}\n")
    return 1
