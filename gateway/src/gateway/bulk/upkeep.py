"""Upkeep of bulk jobs: publishes shards again that lost their message, deletes what expired."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from attrs import define
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.bulk.records import WAITING, BulkRecord, bulk_of
from gateway.bulk.submission import BulkJobs
from gateway.database.clock import Clock
from gateway.database.engine import transaction
from gateway.database.tables import BULK_SHARDS, BULKS
from gateway.jobs.backlog import MOST
from gateway.jobs.engine import BULK, EngineUnavailable
from gateway.jobs.publishing import account_token
from gateway.periodic import uncut
from servicekit.logs import get_logger
from servicekit.telemetry import JobMetrics

_log = get_logger("bulk")


@dataclass(frozen=True, slots=True)
class _Open:
    """A shard that is not over and should have a message."""

    bulk: BulkRecord
    number: int
    publications: int
    place: int | None


@define(eq=False)
class BulkUpkeep:
    """Brings the stream, the object store and the metrics in line with the database."""

    _database: AsyncEngine
    _jobs: BulkJobs
    _clock: Clock
    _metrics: JobMetrics

    async def reconcile(self) -> None:
        """Publish what is missing in the stream, and delete what has expired."""
        await uncut(self._reconcile())

    async def sweep(self) -> None:
        """Delete files that belong to no job."""
        await uncut(self._sweep())

    async def _reconcile(self) -> None:
        shards = await self._open_shards()
        if self._jobs.engine.is_ready:
            with suppress(EngineUnavailable):
                await self._publish_missing(shards)
        now = self._clock()
        self._metrics.waiting.labels(BULK).set(len(shards))
        # A long job is no trouble; one without progress is.
        silent = [now + self._jobs.store.lifetime - one.bulk.expires_at for one in shards]
        oldest_s = max((one.total_seconds() for one in silent), default=0.0)
        self._metrics.oldest_seconds.labels(BULK).set(max(0.0, oldest_s))
        async with transaction(self._database) as connection:
            found = select(BULKS.c.id).where(BULKS.c.expires_at <= now).limit(MOST)
            expired = [row.id for row in await connection.execute(found)]
        for bulk in expired:
            await self._jobs.delete(bulk)

    async def _sweep(self) -> None:
        found = await self._jobs.files.jobs()
        for begin in range(0, len(found), MOST):
            some = found[begin : begin + MOST]
            for bulk in set(some) - await self._jobs.store.alive(some):
                await self._jobs.files.delete(bulk)

    async def _open_shards(self) -> list[_Open]:
        """Return shards in the windows of jobs under way."""
        columns = (BULK_SHARDS.c.number, BULK_SHARDS.c.publications, BULK_SHARDS.c.message)
        some = (
            select(BULKS, *columns)
            .join(BULK_SHARDS, BULK_SHARDS.c.bulk == BULKS.c.id)
            .where(BULKS.c.status.in_(WAITING), ~BULK_SHARDS.c.is_over)
            .where(BULK_SHARDS.c.number < BULKS.c.published)
            .order_by(BULKS.c.created_at)
            .limit(MOST)
        )
        async with transaction(self._database) as connection:
            return [
                _Open(bulk_of(row), row.number, row.publications, row.message)
                for row in await connection.execute(some)
            ]

    async def _publish_missing(self, shards: Sequence[_Open]) -> None:
        await self._jobs.engine.refresh()
        short = self._jobs.engine.short(BULK, [account_token(one.bulk.account) for one in shards])
        lost = [
            one
            for one in shards
            if one.place is None
            or (
                account_token(one.bulk.account) in short
                and not await self._jobs.engine.holds(one.place, f"{one.bulk.id}.{one.number}")
            )
        ]
        for one in lost:
            await self._jobs.publisher.publish(one.bulk, {one.number: one.publications + 1})
        if lost:
            _log.warning("shards published again", count=len(lost))


async def bulks_of(database: AsyncEngine, account: str) -> list[str]:
    """Return the ids of all bulk jobs of an account."""
    mine = select(BULKS.c.id).where(BULKS.c.account == account)
    async with transaction(database) as connection:
        return [row.id for row in await connection.execute(mine)]
