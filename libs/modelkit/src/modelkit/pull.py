"""Download of a model into the models folder: resumable, verified and atomic."""

import errno
import hashlib
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

from modelkit.manifest import ModelEntry, is_whole, model_path

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
    if path.is_file() and is_whole(path, entry):
        return path
    part = path.with_name(path.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _download(download_url(entry, mirror), part, entry, progress)
        _check(part, entry)
        part.replace(path)
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
    for _ in range(ATTEMPTS):
        have_bytes = part.stat().st_size if part.exists() else 0
        if have_bytes >= entry.bytes:
            return
        if shutil.disk_usage(part.parent).free < entry.bytes - have_bytes:
            raise PullError(_no_space(entry))
        try:
            _fetch(url, part, entry, progress)
        except urllib.error.HTTPError as error:
            error.close()
            raise PullError(f"model {entry.name}: its home answers HTTP {error.code}") from error
        except BROKEN_CONNECTION as error:
            reason = str(error)
    have_bytes = part.stat().st_size if part.exists() else 0
    if have_bytes < entry.bytes:
        raise PullError(
            f"model {entry.name}: {have_bytes} of {entry.bytes} bytes came ({reason}); "
            "run the command again to go on from there"
        )


def _fetch(url: str, part: Path, entry: ModelEntry, progress: Progress) -> None:
    have_bytes = part.stat().st_size if part.exists() else 0
    # The manifest admits http, https and file only.
    request = urllib.request.Request(url, headers={"Range": f"bytes={have_bytes}-"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310  # nosec B310
        # A server without ranges, like a folder, sends all of it again.
        resumes = response.status == HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if resumes else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                progress(file.tell())
                if file.tell() > entry.bytes:
                    return  # the check of the size will refuse it
            file.flush()
            os.fsync(file.fileno())


def _check(part: Path, entry: ModelEntry) -> None:
    if is_whole(part, entry):
        return
    size = part.stat().st_size
    with part.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    part.unlink()
    if size != entry.bytes:
        raise PullError(
            f"model {entry.name} has more than the {entry.bytes} bytes of its manifest; "
            "it was removed"
        )
    raise PullError(
        f"model {entry.name} has the sha256 {sha256}; its manifest says {entry.sha256}; "
        "it was removed"
    )


def _no_space(entry: ModelEntry) -> str:
    return (
        f"model {entry.name} needs {entry.bytes} bytes and the disk of the models folder has no "
        "room for them; make room or set another folder with IMAGEMESH_MODELS_DIR"
    )
