"""Download of a model into the models folder: resumable, verified and atomic."""

import errno
import http.client
import os
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path, PurePosixPath

from modelkit.manifest import ModelEntry, has_size, hash_file, is_whole, model_path, pinned
from modelkit.pins import LOCK_FILE, write_pin

CHUNK_BYTES = 1024 * 1024
TIMEOUT_S = 60.0  # without a byte
ATTEMPTS = 5  # connections for one file; each goes on where the last one broke
BROKEN_CONNECTION = (
    urllib.error.URLError,
    http.client.HTTPException,
    ssl.SSLError,
    ConnectionError,
    TimeoutError,
)
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Progress = Callable[[int], None]


class PullError(Exception):
    """A model could not be pulled; the message tells the operator what to change."""


def pull_model(entry: ModelEntry, *, models_dir: Path, mirror: str, progress: Progress) -> Path:
    """Download the file of an entry unless it is there and whole, and return its path.

    A file without a hash in the manifest is trusted at its first pull and pinned in `models.lock`.

    Args:
        entry: A model with a `url`.
        models_dir: The models folder; made when missing.
        mirror: Folder or base URL that replaces the entry's own; empty for none.
        progress: Called with the bytes that are there so far.

    Raises:
        PullError: The file cannot be had, is not the one the manifest means, or has no room. What
            came of a broken connection stays for the next try; nothing else does.
    """
    path = model_path(entry, models_dir)
    if path is None or entry.url is None:
        raise PullError(f"model {entry.name} has no url; it comes with a Python package")
    entry = pinned(entry, models_dir)
    if path.is_file() and is_whole(path, entry):
        return path
    part = path.with_name(path.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        if entry.sha256 is None:
            part.unlink(missing_ok=True)  # nothing would show that its home has changed since
        _download(download_url(entry, mirror), part, entry, progress)
        sha256 = _check(part, entry)
        part.replace(path)
        if entry.sha256 is None:
            write_pin(entry.place, sha256, models_dir)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise PullError(f"model {entry.name} cannot be written: {error.strerror}") from error
        part.unlink(missing_ok=True)
        raise PullError(_no_space(entry)) from error
    return path


def download_url(entry: ModelEntry, mirror: str) -> str:
    """Return the URL that the file of an entry is downloaded from."""
    if not mirror:
        return entry.url or ""
    name = PurePosixPath(entry.file).name
    if "://" in mirror:
        return f"{mirror.rstrip('/')}/{urllib.parse.quote(name)}"
    return (Path(mirror).expanduser().absolute() / name).as_uri()


def _download(url: str, part: Path, entry: ModelEntry, progress: Progress) -> None:
    reason = "the connection broke"
    size = entry.bytes
    for _ in range(ATTEMPTS):
        have_bytes = _size(part)
        if size is not None and have_bytes >= size:
            return
        try:
            size = _fetch(url, part, entry, progress)
        except urllib.error.HTTPError as error:
            error.close()
            raise PullError(f"model {entry.name}: its home answers HTTP {error.code}") from error
        except BROKEN_CONNECTION as error:
            reason = str(error)
    if size is None or _size(part) < size:
        raise PullError(
            f"model {entry.name}: {_size(part)} of {size or 'unknown'} bytes came ({reason}); "
            "run the command again to go on from there"
        )


def _fetch(url: str, part: Path, entry: ModelEntry, progress: Progress) -> int:
    """Append what is missing to the part and return the size of the whole file."""
    have_bytes = _size(part)
    _require_space(part, entry, (entry.bytes or 0) - have_bytes)
    # The manifest admits http, https and file only.
    request = urllib.request.Request(url, headers={"Range": f"bytes={have_bytes}-"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310  # nosec B310
        # A server without ranges, like a folder, sends all of it again.
        resumes = response.status == HTTPStatus.PARTIAL_CONTENT
        size = entry.bytes
        if size is None:
            coming = _told_size(response.headers.get("Content-Length"), entry)
            _require_space(part, entry, coming)
            size = coming + (have_bytes if resumes else 0)
        with part.open("ab" if resumes else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                progress(file.tell())
                if file.tell() > size:
                    break  # the check of the size will refuse it
            file.flush()
            os.fsync(file.fileno())
    return size


def _told_size(header: str | None, entry: ModelEntry) -> int:
    if header is None:  # a broken connection would pass for the end
        raise PullError(f"model {entry.name}: its home tells no size; take it from a mirror")
    return int(header)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _require_space(part: Path, entry: ModelEntry, missing_bytes: int) -> None:
    if shutil.disk_usage(part.parent).free < missing_bytes:
        raise PullError(_no_space(entry))


def _check(part: Path, entry: ModelEntry) -> str:
    """Return the hash of a file; one that is not what the manifest means is removed."""
    sha256 = hash_file(part)
    if not has_size(part, entry):
        part.unlink()
        raise PullError(
            f"model {entry.name} has more than the {entry.bytes} bytes of its manifest; "
            "it was removed"
        )
    if entry.sha256 not in {None, sha256}:
        part.unlink()
        raise PullError(
            f"model {entry.name} has the sha256 {sha256}; its manifest or {LOCK_FILE} says "
            f"{entry.sha256}; it was removed"
        )
    return sha256


def _no_space(entry: ModelEntry) -> str:
    return (
        f"model {entry.name} needs {entry.bytes or 'more'} bytes and the disk of the models folder "
        "has no room for them; make room or set another folder with IMAGEMESH_MODELS_DIR"
    )
