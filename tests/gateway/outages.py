"""Outages of what a gateway needs: disks, folders, servers and buckets go away and come back."""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import pytest

from scripts.ports import free_port
from tests.gateway.running import database_url
from tests.gateway.servers import empty_database, nats_server, postgres, redis

BUCKET: Final = "s3://results/colored"

_VARIABLES: Final = {
    "ALLOW_HTTP": "true",
    "ACCESS_KEY_ID": "anybody",
    "SECRET_ACCESS_KEY": "anything",
    "REGION": "us-east-1",
}
_KEY = re.compile(r"<Key>([^<]+)</Key>")
_OBJECT = (
    "<Contents><Key>{}</Key><Size>{}</Size><ETag>1</ETag>"
    "<LastModified>2026-11-30T12:00:00.000Z</LastModified></Contents>"
)


class _Handler(BaseHTTPRequestHandler):
    """Puts, gets, lists and deletes objects."""

    def __init__(self, objects: dict[str, bytes], *args: Any) -> None:  # Any: of the server
        self._objects = objects
        super().__init__(*args)

    def do_PUT(self) -> None:
        """Store an object."""
        self._objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        """Answer with an object, or with a listing."""
        found = self._listing() if "list-type" in self.path else self._objects.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET  # noqa: N815 - the name of the server

    def do_POST(self) -> None:
        """Delete the objects of a list."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = _KEY.findall(body)
        for key in keys:
            self._objects.pop(f"{self.path.partition('?')[0]}/{key}", None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _listing(self) -> bytes:
        bucket, _, query = self.path.partition("?")
        prefix = f"{bucket}/{parse_qs(query).get('prefix', [''])[0]}"
        listed = "".join(
            _OBJECT.format(path.removeprefix(f"{bucket}/"), len(content))
            for path, content in sorted(self._objects.items())
            if path.startswith(prefix)
        )
        shape = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"
        return shape.format(listed).encode()

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        headers = {"Content-Length": str(len(content)), "ETag": '"1"'}
        headers["Last-Modified"] = "Mon, 30 Nov 2026 12:00:00 GMT"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@dataclass(slots=True)
class Bucket:
    """A bucket that can be stopped and started again on the same port and objects."""

    port: int = field(default_factory=free_port)
    objects: dict[str, bytes] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = field(default=None, init=False)

    def start(self) -> None:
        """Listen."""
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", self.port), partial(_Handler, self.objects)
        )
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def in_bucket() -> Iterator[Bucket]:
    """Run a bucket that the variables of this process lead to."""
    found = Bucket()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{found.port}")
        for name, value in _VARIABLES.items():
            environment.setenv(f"AWS_{name}", value)
        found.start()
        try:
            yield found
        finally:
            found.stop()


_DISK = "size=4m"


@dataclass(frozen=True, slots=True)
class Outage:
    """Settings of a gateway, and how something that it needs goes away and comes back."""

    settings: dict[str, Any]  # Any: values of any setting
    begin: Callable[[], object]
    end: Callable[[], object]


@contextmanager
def full_disk_of_results(folder: Path) -> Iterator[Outage]:
    """Fill the disk of the results to its last byte."""
    with _disk(folder / "disk") as disk:
        settings = {"results_dir": disk / "results", "min_free_mib": 1}
        yield Outage(settings, lambda: _fill(disk), (disk / "filler").unlink)


@contextmanager
def full_disk_of_database(folder: Path) -> Iterator[Outage]:
    """Fill the disk of a SQLite file to its last byte."""
    with _disk(folder / "disk") as disk:
        settings = {"database_url": database_url(disk), "min_free_mib": 0}
        yield Outage(settings, lambda: _fill(disk), (disk / "filler").unlink)


@contextmanager
def read_only_results(folder: Path) -> Iterator[Outage]:
    """Mount the disk of the results read-only."""
    with _disk(folder / "disk") as disk:
        settings = {"results_dir": disk / "results", "min_free_mib": 0}
        yield Outage(settings, lambda: _remount(disk, "ro"), lambda: _remount(disk, "rw"))


@contextmanager
def bucket_away(_: Path) -> Iterator[Outage]:
    """Stop the server of the bucket that the results are in."""
    with in_bucket() as server:
        yield Outage({"results_url": BUCKET}, server.stop, server.start)


@contextmanager
def corrupt_database(folder: Path) -> Iterator[Outage]:
    """Overwrite a SQLite file and its log, and put the content back."""
    files = [folder / "gateway.db", folder / "gateway.db-wal"]
    kept: dict[Path, bytes] = {}

    def begin() -> None:
        kept.update((file, file.read_bytes()) for file in files)
        for file in files:
            file.write_bytes(b"no database any more" * 1000)

    def end() -> None:
        for file, content in kept.items():
            file.write_bytes(content)

    yield Outage({}, begin, end)


@contextmanager
def postgresql_away(_: Path) -> Iterator[Outage]:
    """Stop PostgreSQL."""
    with postgres() as server:
        yield Outage({"database_url": empty_database(server)}, server.stop, server.start)


@contextmanager
def redis_away(_: Path) -> Iterator[Outage]:
    """Stop Redis."""
    with redis() as server:
        settings = {"rate_url": server.url, "rate_limit": "1000000/day"}
        yield Outage(settings, server.stop, server.start)


@contextmanager
def nats_away(_: Path) -> Iterator[Outage]:
    """Kill NATS."""
    with nats_server() as server:
        yield Outage({"nats_url": server.url}, server.kill, server.start)


OUTAGES: Final = {
    "the disk of the results is full": full_disk_of_results,
    "the disk of SQLite is full": full_disk_of_database,
    "the folder of the results is read-only": read_only_results,
    "the bucket of the results is away": bucket_away,
    "the SQLite file is corrupt": corrupt_database,
    "PostgreSQL is away": postgresql_away,
    "Redis is away": redis_away,
    "NATS is away": nats_away,
}


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", _DISK, "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            continue


def _remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)
