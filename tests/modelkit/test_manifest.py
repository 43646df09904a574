"""Manifests: validation, and the choice of a model for a task."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelkit.manifest import (
    InvalidManifestError,
    ModelEntry,
    find_model,
    load_manifest,
    parse_manifest,
)
from servicekit.errors import ModelNotInstalled

MANIFEST = """
[[model]]
name = "net"
version = "1.0"
task = "classify"
profile = "embedded"
file = "weights/net.onnx"
sha256 = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
bytes = 1
licence = "Apache-2.0"
source = "made in a test"
card = "README.md"
package = "net_package"
"""


def install(entry: ModelEntry, content: bytes, models_dir: Path) -> None:
    folder = models_dir / f"{entry.name}-{entry.version}"
    folder.mkdir(parents=True)
    (folder / entry.file).write_bytes(content)


@pytest.fixture
def net_package(tmp_path: Path) -> Iterator[Path]:
    """A Python package that fails when it is imported and carries a model."""
    folder = tmp_path / "net_package"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (folder / "weights" / "net.onnx").write_bytes(b"0")
    sys.path.insert(0, str(tmp_path))
    yield folder
    sys.path.remove(str(tmp_path))


def test_all_faults_of_a_manifest_are_named() -> None:
    text = MANIFEST.replace('"1.0"', "1").replace("bytes = 1", "bytes = 0").replace("5fe", "XY")
    text = text.replace('"embedded"', '"tiny"').replace("licence", "license")

    with pytest.raises(InvalidManifestError) as caught:
        parse_manifest(text, "vision")

    for field in ("version", "bytes", "sha256", "profile", "licence", "license"):
        assert f"model.0.{field}: " in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('package = "net_package"', "exactly one of package and url"),
        ('package = "a"\nurl = "https://example.com/net"', "exactly one of package and url"),
        ('url = "ftp://example.com/net"', "url: String should match pattern"),
        ('url = "https://example.com/net"\ndistribution = "a"', "distribution needs package"),
    ],
)
def test_home_of_a_model_is_one_and_can_be_reached(change: str, message: str) -> None:
    text = MANIFEST.replace('package = "net_package"', change)
    if change.startswith("package") and "url" not in change:
        text = MANIFEST.replace(change, "")

    with pytest.raises(InvalidManifestError, match=message):
        parse_manifest(text, "vision")


def test_hash_may_be_missing_only_where_a_pull_pins_it() -> None:
    text = "\n".join(line for line in MANIFEST.splitlines() if not line.startswith("sha256"))

    with pytest.raises(InvalidManifestError, match="sha256 may be missing only beside url"):
        parse_manifest(text, "vision")

    (entry,) = parse_manifest(text.replace('package = "', 'url = "file://'), "vision")
    assert entry.sha256 is None


@pytest.mark.parametrize("file", ["/etc/passwd", "../net.onnx", "a/../../b", "a\\\\b"])
def test_file_stays_below_its_folder(file: str) -> None:
    with pytest.raises(InvalidManifestError, match="must stay below its folder"):
        parse_manifest(MANIFEST.replace("weights/net.onnx", file), "vision")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[model", "is no TOML"),
        ("[[models]]", "other tables than"),
        (MANIFEST * 2, "names a model twice: net"),
        ("model = 3", "model: Input should be a valid tuple"),
    ],
)
def test_file_that_is_no_manifest_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidManifestError, match=message):
        parse_manifest(text, "vision")


def test_package_without_manifest_is_refused() -> None:
    with pytest.raises(InvalidManifestError, match=r"package servicekit has no models.toml"):
        load_manifest("servicekit")


@pytest.mark.parametrize("service", ["colorize", "ocr", "vision"])
def test_manifests_of_the_services_are_right(service: str) -> None:
    assert load_manifest(service)


def test_file_of_a_package_is_found_without_importing_it(net_package: Path, tmp_path: Path) -> None:
    entries = parse_manifest(MANIFEST, "vision")

    found = find_model(entries, "classify", models_dir=tmp_path / "models")

    assert found.path == net_package / "weights" / "net.onnx"
    assert found.entry is entries[0]


@pytest.mark.parametrize(
    ("models", "asked", "chosen"),
    [
        ("embedded full-missing standard", "auto", "standard"),
        ("embedded standard", "embedded", "embedded"),
        ("embedded standard-damaged", "auto", "embedded"),
        # A task whose best model is embedded keeps it when all tasks are told another profile.
        ("embedded", "full", "embedded"),
    ],
)
def test_best_installed_model_that_the_profile_allows_is_chosen(
    entry: ModelEntry, content: bytes, tmp_path: Path, *, models: str, asked: str, chosen: str
) -> None:
    entries = []
    for profile, _, state in (model.partition("-") for model in models.split()):
        entries.append(replace(entry, name=profile, profile=profile))  # type: ignore[arg-type]  # of the parameters
        if state != "missing":
            install(entries[-1], content[:-1] + b"?" if state else content, tmp_path)

    found = find_model(entries, "classify", models_dir=tmp_path, profile=asked)

    assert found.entry.name == chosen
    assert found.path == tmp_path / f"{chosen}-1.0" / entry.file


def test_told_profile_does_not_fall_back_to_a_smaller_one(
    entry: ModelEntry, content: bytes, tmp_path: Path
) -> None:
    small = replace(entry, name="small", profile="embedded")
    install(small, content, tmp_path)

    with pytest.raises(ModelNotInstalled, match="run `imagemesh models pull net`"):
        find_model((small, entry), "classify", models_dir=tmp_path, profile="standard")


@pytest.mark.parametrize("damage", [b"", b"short", b"?" * 3000])
def test_damaged_model_alone_is_not_installed(
    damage: bytes, entry: ModelEntry, tmp_path: Path
) -> None:
    install(entry, damage, tmp_path)

    with pytest.raises(ModelNotInstalled, match="run `imagemesh models pull net`"):
        find_model((entry,), "classify", models_dir=tmp_path)


@pytest.mark.parametrize(
    ("changes", "profile", "message"),
    [
        ({"package": "no.such", "distribution": "no-such"}, "auto", "--no-deps no-such`"),
        ({"package": "vision", "file": "no/such.file"}, "auto", "reinstall the package vision"),
        ({}, "embedded", "classify has no model of profile embedded"),
    ],
)
def test_missing_model_says_what_to_do(
    entry: ModelEntry, tmp_path: Path, changes: dict[str, str], profile: str, message: str
) -> None:
    missing = replace(entry, url=None if changes else entry.url, **changes)  # type: ignore[arg-type]  # of the parameters

    with pytest.raises(ModelNotInstalled, match=message):
        find_model((missing,), "classify", models_dir=tmp_path, profile=profile)
