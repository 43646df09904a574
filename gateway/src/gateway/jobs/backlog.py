"""Jobs in the database as the reconciler, the metrics and the operator see them: all together."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define
from sqlalchemy import ColumnElement, case, delete, func, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.clock import Clock, utc_now
from gateway.database.engine import transaction
from gateway.database.tables import JOB_ITEMS, JOBS
from gateway.jobs.engine import JOBS as JOB_KIND
from gateway.jobs.engine import WEBHOOKS
from gateway.jobs.records import (
    GIVEN_UP,
    MESSAGE_COLUMNS,
    PENDING,
    QUEUED,
    UNDER_WAY,
    JobRecord,
    record_of,
)

DEAD: Final = "dead"

MOST: Final = 1000  # rows looked at in one go; SQLite takes 32,766 values in a statement

# Longer than passes between a commit and the message that follows it.
_UNPUBLISHED_AFTER: Final = timedelta(seconds=5)

_IS_WAITING: Final = {
    JOB_KIND: JOBS.c.status.in_(UNDER_WAY) & JOBS.c.input_bytes.is_not(None),
    WEBHOOKS: JOBS.c.status.not_in(UNDER_WAY) & (JOBS.c.webhook_status == PENDING),
}


@dataclass(frozen=True, slots=True)
class Published:
    """A job with the place of its newest message, or that of its webhook."""

    record: JobRecord
    place: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Number of jobs, or webhooks, that wait or are worked on, and the age of the oldest."""

    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Ids of jobs that leave something to clean up."""

    spent: list[str]  # ended, and their input is still in the object store
    expired: list[str]  # to be deleted


@define(eq=False)
class Backlog:
    """All jobs that have not ended, and what ended ones have left to do."""

    _engine: AsyncEngine
    _clock: Clock = utc_now

    async def unpublished(self, kind: str) -> list[JobRecord]:
        """Return jobs, or webhooks, that were committed and have no message in the stream."""
        _, placed = MESSAGE_COLUMNS[kind]
        since = func.coalesce(JOBS.c.ended_at, JOBS.c.created_at)
        before = self._clock() - _UNPUBLISHED_AFTER
        rows = await self._rows(_IS_WAITING[kind], JOBS.c[placed].is_(None), since < before)
        return [record_of(row) for row in rows]

    async def counts(self) -> dict[str, int]:
        """Return how many jobs of each account have a message in the stream."""
        waiting = (
            select(JOBS.c.account, func.count())
            .where(_IS_WAITING[JOB_KIND], JOBS.c.message.is_not(None))
            .group_by(JOBS.c.account)
        )
        async with transaction(self._engine) as connection:
            return {row[0]: row[1] for row in await connection.execute(waiting)}

    async def published(
        self, kind: str, accounts: Collection[str] | None = None
    ) -> list[Published]:
        """Return jobs, or webhooks, that wait, with the places of their messages."""
        _, placed = MESSAGE_COLUMNS[kind]
        which = [_IS_WAITING[kind], JOBS.c[placed].is_not(None)]
        if accounts is not None:
            which.append(JOBS.c.account.in_(accounts))
        rows = await self._rows(*which)
        return [Published(record_of(row), getattr(row, placed)) for row in rows]

    async def leftovers(self) -> Leftovers:
        """Return what is to be cleaned up."""
        now = self._clock()
        has_ended, has_input = JOBS.c.status.not_in(UNDER_WAY), JOBS.c.input_bytes.is_not(None)
        spent = await self._rows(has_ended, has_input, JOBS.c.dead_at.is_(None))
        expired = await self._rows(JOBS.c.expires_at <= now)
        return Leftovers([row.id for row in spent], [row.id for row in expired])

    async def with_input(self, account: str) -> list[str]:
        """Return jobs of an account whose input is in the object store."""
        rows = await self._rows(JOBS.c.account == account, JOBS.c.input_bytes.is_not(None))
        return [row.id for row in rows]

    async def delete(self, jobs: Sequence[str]) -> None:
        """Delete jobs and their answers."""
        async with transaction(self._engine) as connection:
            await connection.execute(delete(JOB_ITEMS).where(JOB_ITEMS.c.job.in_(jobs)))
            await connection.execute(delete(JOBS).where(JOBS.c.id.in_(jobs)))

    async def unknown(self, jobs: Sequence[str]) -> list[str]:
        """Return which of these are no jobs."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(JOBS.c.id).where(JOBS.c.id.in_(jobs[:MOST])))
            known = {row.id for row in found}
        return [job for job in jobs[:MOST] if job not in known]

    async def depths(self) -> dict[str, Depth]:
        """Return how many jobs, and webhooks, wait or are worked on, and how many are dead."""
        since = func.coalesce(JOBS.c.ended_at, JOBS.c.created_at)
        states = {**_IS_WAITING, DEAD: _is_dead()}
        columns = [
            column
            for state in states.values()
            for column in (func.count(case((state, 1))), func.min(case((state, since))))
        ]
        async with transaction(self._engine) as connection:
            row = (await connection.execute(select(*columns).where(or_(*states.values())))).one()
        now = self._clock()
        ages = [max(0.0, (now - (oldest or now)).total_seconds()) for oldest in row[1::2]]
        depths = map(Depth, row[::2], ages)
        return dict(zip(states, depths, strict=True))

    async def dead(self, *, limit: int = MOST) -> list[tuple[JobRecord, datetime]]:
        """Return jobs that were given up, and jobs whose webhook was, with the time of it."""
        rows = await self._rows(_is_dead(), limit=limit)
        return [(record_of(row), row.dead_at or row.ended_at) for row in rows]

    async def requeue(self, job: str) -> bool:
        """Queue a job that was given up again; return False where there is none of that id.

        Its answers stay but for errors that pass by themselves. The reconciler publishes it.
        """
        mine = (JOBS.c.id == job, JOBS.c.dead_at.is_not(None))
        passing = delete(JOB_ITEMS).where(JOB_ITEMS.c.job == job, JOB_ITEMS.c.is_passing)
        again = (
            update(JOBS)
            .where(*mine, JOBS.c.input_bytes.is_not(None))
            .values(status=QUEUED, attempts=0, ended_at=None, dead_at=None, message=None)
        )
        async with transaction(self._engine) as connection:
            if (await connection.execute(again)).rowcount == 0:
                return False
            await connection.execute(passing)
            left = select(func.count()).select_from(JOB_ITEMS).where(JOB_ITEMS.c.job == job)
            done = update(JOBS).where(JOBS.c.id == job).values(done=left.scalar_subquery())
            await connection.execute(done)
        return True

    async def _rows(
        self,
        *which: ColumnElement[bool],
        limit: int = MOST,
    ) -> Sequence[Row[Any]]:  # Any: the columns of JOBS
        some = select(JOBS).where(*which).order_by(JOBS.c.created_at).limit(limit)
        async with transaction(self._engine) as connection:
            return (await connection.execute(some)).all()


def _is_dead() -> ColumnElement[bool]:
    is_over = JOBS.c.status.not_in(UNDER_WAY)
    return is_over & or_(JOBS.c.dead_at.is_not(None), JOBS.c.webhook_status == GIVEN_UP)
