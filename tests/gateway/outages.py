"""Outages of what a gateway needs: disks, folders, servers and buckets go away and come back."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.gateway.bucket import BUCKET, in_bucket
from tests.gateway.nats_server import nats_server
from tests.gateway.running import database_url
from tests.gateway.servers import empty_database, postgres, redis

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
        url = f"redis://127.0.0.1:{server.port}/0"
        settings = {"rate_url": url, "rate_limit": "1000000/day"}
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
