"""Pulling a model: from its home, a mirror, over broken connections; and what is refused."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelkit.manifest import ModelEntry, find_model
from modelkit.pull import PullError, pull_model
from servicekit.errors import ModelNotInstalled
from tests.modelkit.file_server import FileServer, serving_file

# Pulls from the folder argv[1] into argv[2], as on a disk with room for 1,000 bytes.
PULL_ON_A_FULL_DISK = """
import resource, sys, pathlib
from modelkit.manifest import ModelEntry
from modelkit.pull import PullError, pull_model
entry = ModelEntry("net", "1.0", "classify", "standard", "net.onnx", "licence", "source", "card",
                   sha256=sys.argv[3], bytes=3000, url="https://example.com/net.onnx")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    pull_model(entry, models_dir=pathlib.Path(sys.argv[2]), mirror=sys.argv[1], progress=int)
except PullError as error:
    print(error)
"""


@pytest.fixture
def server(content: bytes) -> Iterator[FileServer]:
    with serving_file(FileServer(content)) as running:
        yield running


@pytest.fixture
def served(entry: ModelEntry, server: FileServer) -> ModelEntry:
    return replace(entry, url=f"{server.url}/home/net.onnx")


def pull(entry: ModelEntry, models_dir: Path, mirror: str = "") -> Path:
    return pull_model(entry, models_dir=models_dir, mirror=mirror, progress=lambda _: None)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_model_is_pulled_into_its_folder(
    served: ModelEntry, server: FileServer, content: bytes, tmp_path: Path
) -> None:
    path = pull(served, tmp_path)

    assert path == tmp_path / "net-1.0" / "net.onnx"
    assert path.read_bytes() == content
    assert files(tmp_path) == ["net-1.0/net.onnx"]
    assert server.requests == [("/home/net.onnx", "bytes=0-")]


def test_whole_model_is_not_pulled_again(
    served: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    pull(served, tmp_path)

    pull(served, tmp_path)

    assert len(server.requests) == 1


def test_damaged_model_is_pulled_again(served: ModelEntry, content: bytes, tmp_path: Path) -> None:
    pull(served, tmp_path).write_bytes(b"?" * 3000)

    assert pull(served, tmp_path).read_bytes() == content


def test_progress_tells_the_bytes_so_far(served: ModelEntry, tmp_path: Path) -> None:
    seen: list[int] = []

    pull_model(served, models_dir=tmp_path, mirror="", progress=seen.append)

    assert seen[-1] == 3000


@pytest.mark.parametrize("is_known", [True, False])
def test_broken_connection_is_resumed_where_it_broke(
    served: ModelEntry, server: FileServer, content: bytes, tmp_path: Path, *, is_known: bool
) -> None:
    server.cuts = [1000, 500]

    path = pull(served if is_known else replace(served, sha256=None, bytes=None), tmp_path)

    assert path.read_bytes() == content
    assert [asked for _, asked in server.requests] == ["bytes=0-", "bytes=1000-", "bytes=1500-"]


def test_later_command_goes_on_where_the_last_one_gave_up(
    served: ModelEntry, server: FileServer, content: bytes, tmp_path: Path
) -> None:
    server.cuts = [1000, 0, 0, 0, 0]
    with pytest.raises(PullError, match="1000 of 3000 bytes came"):
        pull(served, tmp_path)
    assert files(tmp_path) == ["net-1.0/net.onnx.part"]

    path = pull(served, tmp_path)

    assert path.read_bytes() == content
    assert server.requests[-1] == ("/home/net.onnx", "bytes=1000-")
    assert files(tmp_path) == ["net-1.0/net.onnx"]


def test_server_without_ranges_sends_all_again(
    served: ModelEntry, server: FileServer, content: bytes, tmp_path: Path
) -> None:
    server.has_ranges = False
    server.cuts = [1000]

    assert pull(served, tmp_path).read_bytes() == content


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (b"?" * 3000, "has the sha256 [0-9a-f]{64}; its manifest or models.lock says"),
        (b"?" * 3001, "has more than the 3000 bytes of its manifest"),
    ],
)
def test_wrong_file_is_refused_and_removed(
    wrong: bytes, message: str, served: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    server.content = wrong

    with pytest.raises(PullError, match=message):
        pull(served, tmp_path)

    assert files(tmp_path) == []


def test_missing_file_is_told_by_its_status(
    served: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    server.status = 404

    with pytest.raises(PullError, match="its home answers HTTP 404"):
        pull(served, tmp_path)

    assert len(server.requests) == 1


def test_mirror_url_stands_in_for_the_home(
    entry: ModelEntry, server: FileServer, content: bytes, tmp_path: Path
) -> None:
    path = pull(entry, tmp_path, mirror=f"{server.url}/mirror/")

    assert path.read_bytes() == content
    assert server.requests == [("/mirror/net.onnx", "bytes=0-")]


def test_mirror_folder_stands_in_for_the_home(
    entry: ModelEntry, content: bytes, tmp_path: Path
) -> None:
    mirror = tmp_path / "a mirror"
    mirror.mkdir()
    (mirror / "net.onnx").write_bytes(content)

    assert pull(entry, tmp_path / "models", mirror=str(mirror)).read_bytes() == content


def test_full_disk_leaves_nothing_half_written(
    entry: ModelEntry, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    models = tmp_path / "models"
    arguments = (str(tmp_path), str(models), str(entry.sha256))

    done = subprocess.run(
        [sys.executable, "-c", PULL_ON_A_FULL_DISK, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )

    assert "net needs 3000 bytes and the disk of the models folder has no room" in done.stdout
    assert files(models) == []


def test_model_larger_than_the_disk_is_refused_before_it_is_asked_for(
    served: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(PullError, match="has no room"):
        pull(replace(served, bytes=10**15), tmp_path)

    assert server.requests == []


def test_unknown_hash_is_pinned_at_the_first_pull(
    served: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    unknown = replace(served, sha256=None, bytes=None)

    path = pull(unknown, tmp_path)

    assert (tmp_path / "models.lock").read_text() == f"{served.sha256}  net-1.0/net.onnx\n"
    assert find_model([unknown], "classify", models_dir=tmp_path).path == path
    pull(unknown, tmp_path)
    assert len(server.requests) == 1
    path.write_bytes(b"?")
    with pytest.raises(ModelNotInstalled, match="run `imagemesh models pull net`"):
        find_model([unknown], "classify", models_dir=tmp_path)


def test_other_content_than_the_pinned_is_refused(
    served: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    unknown = replace(served, sha256=None, bytes=None)
    pull(unknown, tmp_path).unlink()
    server.content = b"?" * 3000

    with pytest.raises(PullError, match=f"models.lock says {served.sha256}"):
        pull(unknown, tmp_path)

    assert files(tmp_path) == ["models.lock"]


def test_part_of_an_unknown_file_is_not_trusted_later(
    served: ModelEntry, content: bytes, tmp_path: Path
) -> None:
    part = tmp_path / "net-1.0" / "net.onnx.part"
    part.parent.mkdir()
    part.write_bytes(b"of another file")

    assert pull(replace(served, sha256=None, bytes=None), tmp_path).read_bytes() == content


def test_file_of_unknown_size_from_a_home_that_tells_none_is_refused(
    served: ModelEntry, server: FileServer, tmp_path: Path
) -> None:
    """The end of the connection may be a broken one, and half a file would be pinned."""
    server.tells_size = False

    with pytest.raises(PullError, match="its home tells no size"):
        pull(replace(served, sha256=None, bytes=None), tmp_path)

    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "folder", "is_mirrored", "message"),
    [
        ({}, "models", False, r"0 of 3000 bytes came \(.*refused"),  # its home does not answer
        ({}, "models", True, "No such file"),
        ({}, "file", False, "cannot be written: Not a directory"),
        ({"url": None, "package": "vision"}, "models", False, "comes with a Python package"),
    ],
)
def test_reason_why_there_is_no_model_is_told(
    entry: ModelEntry,
    tmp_path: Path,
    *,
    changes: dict[str, str | None],
    folder: str,
    is_mirrored: bool,
    message: str,
) -> None:
    (tmp_path / "file").touch()
    mirror = str(tmp_path) if is_mirrored else ""

    with pytest.raises(PullError, match=message):
        pull(replace(entry, **changes), tmp_path / folder, mirror=mirror)  # type: ignore[arg-type]  # of the parameters
