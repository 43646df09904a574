"""Storage: how many bytes of an account are kept, and how much of the disk must stay free."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from prometheus_client import CollectorRegistry
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database.tables import BULKS, IDEMPOTENT, JOB_ITEMS, JOBS, RESULTS
from gateway.problems import Problem
from servicekit.telemetry import StorageMetrics

_MIB: Final = 2**20
_BELIEVED_FOR_S: Final = 10.0
_MOST_REMEMBERED: Final = 10_000  # accounts


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """Bounds of what is kept."""

    # Of one account: results, answers by Idempotency-Key, and inputs and answers of jobs and bulk
    # jobs.
    account_bytes: int
    free_bytes: int = 0  # of each disk, for what must be written whatever happens, such as charges
    # On these disks, by what is kept in them.
    folders: Mapping[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class _Measured:
    """Bytes of an account: those that were measured, and those that it was let keep since."""

    size_bytes: int
    at_s: float


class Storage:
    """Refuses to keep more than the limits allow.

    An account is measured every few seconds, and before it is refused: several gateways together
    may let it keep a little more than its limit.

    Args:
        limits: bounds of what is kept.
        metrics: of what is stored.
    """

    def __init__(self, limits: StorageLimits, *, metrics: StorageMetrics | None = None) -> None:
        self._limits = limits
        self._measured: dict[str, _Measured] = {}
        self._metrics = metrics or StorageMetrics(CollectorRegistry())
        for name, folder in limits.folders.items():
            self._metrics.free_bytes.labels(name).set_function(partial(_free_bytes, folder))

    def count(self, size_bytes: int) -> None:
        """Note that a file was stored."""
        self._metrics.bytes.inc(size_bytes)

    def full(self) -> list[str]:
        """Return what lies on a disk with too little free space; a disk that is away has none."""
        return [
            name
            for name, folder in self._limits.folders.items()
            if folder.exists() and _free_bytes(folder) < self._limits.free_bytes
        ]

    async def check(self, connection: AsyncConnection, account: str, *, size_bytes: int) -> None:
        """Let pass where the account may keep so many more bytes.

        Raises:
            Problem: 507 storage_full.
        """
        if full := self.full():
            message = f"the disk of the {' and of the '.join(full)} is full; try again later"
            raise Problem(507, "storage_full", message)
        stored = self._remembered(account)
        if stored is None or stored + size_bytes > self._limits.account_bytes:
            stored = await stored_bytes(connection, account)
            self._measured[account] = _Measured(stored, monotonic())
        if stored + size_bytes > self._limits.account_bytes:
            message = (
                f"the account keeps {stored / _MIB:.1f} MiB of results and answers; the limit is "
                f"{self._limits.account_bytes / _MIB:.1f} MiB; delete some, or wait until they "
                "expire"
            )
            raise Problem(507, "storage_full", message)
        self._measured[account].size_bytes += size_bytes

    def _remembered(self, account: str) -> int | None:
        """Return how many bytes of an account are kept, None where it is to be measured."""
        measured = self._measured.get(account)
        if measured is not None and monotonic() < measured.at_s + _BELIEVED_FOR_S:
            return measured.size_bytes
        if len(self._measured) >= _MOST_REMEMBERED:
            self._measured.clear()
        return None


# For tests and commands that keep little.
UNLIMITED: Final = Storage(StorageLimits(account_bytes=2**62))


async def stored_bytes(connection: AsyncConnection, account: str) -> int:
    """Return how many bytes of an account are kept."""
    sizes = (
        select(func.sum(RESULTS.c.size_bytes)).where(RESULTS.c.account == account),
        select(func.sum(func.length(IDEMPOTENT.c.body))).where(IDEMPOTENT.c.account == account),
        select(func.sum(JOBS.c.input_bytes)).where(JOBS.c.account == account),
        select(func.sum(func.length(JOB_ITEMS.c.body))).where(JOB_ITEMS.c.account == account),
        select(func.sum(BULKS.c.stored_bytes)).where(BULKS.c.account == account),
    )
    parts = [func.coalesce(size.scalar_subquery(), 0) for size in sizes]
    found = await connection.execute(select(*parts))
    return sum(int(part) for part in found.one())


def kept_folders(*, database_url: str, results: Path | None) -> dict[str, Path]:
    """Return the folders that a gateway keeps things in on disks of its own, by what is in them.

    Args:
        database_url: only a SQLite file is on a disk of the gateway's.
        results: folder of the results, None where they are in a bucket.
    """
    file = make_url(database_url).database if database_url.startswith("sqlite") else None
    folders = {"database": Path(file).parent if file else None, "results": results}
    return {name: folder for name, folder in folders.items() if folder is not None}


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free if folder.exists() else 0
