"""Jobs in the database, from their submission to their end.

The outcome of an item, its charge and the state of its job are written in one transaction, keyed by
job and item: an item that is worked on twice is answered and charged once.
"""

import re
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, Final

import msgspec
from attrs import define
from sqlalchemy import ColumnElement, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.responses import Response

from contract.jobs import WebhookAttempt
from gateway.accounts.idempotency import Claim
from gateway.accounts.ledger import Charge, Ledger
from gateway.accounts.storage import UNLIMITED, Storage
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import transaction, upsert
from gateway.database.tables import JOB_ITEMS, JOBS
from gateway.jobs.outcomes import Outcome
from gateway.jobs.records import (
    FAILED,
    MESSAGE_COLUMNS,
    PENDING,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    UNDER_WAY,
    JobLimits,
    JobRecord,
    NewJob,
    free_claim,
    hold_of,
    holds_of,
    item_row,
    items_of,
    record_of,
)
from gateway.problems import Problem

_ID: Final = re.compile(r"[0-9a-f]{32}")  # other texts need not be looked up, and some cannot be

# Columns that begin at zero.
_COUNTS: Final = ("done", "attempts", "publications", "webhook_attempts", "webhook_publications")


class JobGone(Exception):
    """The job was cancelled, given up or answered meanwhile: nobody can get this answer."""


@define(eq=False)
class JobStore:
    """The jobs in the database."""

    _engine: AsyncEngine
    _credit: Ledger
    _lifetime: timedelta  # of a job and its answer, from its beginning
    _limits: JobLimits
    _clock: Clock = utc_now
    _storage: Storage = UNLIMITED

    async def check_room(self, account: str, *, input_bytes: int) -> None:
        """Let pass where the account may have one more job with so much input.

        Raises:
            Problem: 429, there are too many; 507, the account or the disk is full; 503.
        """
        waiting = JOBS.c.status.in_(UNDER_WAY)
        mine = func.coalesce(func.sum(case((JOBS.c.account == account, 1), else_=0)), 0)
        limits = self._limits
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(func.count(), mine).where(waiting))
            of_all, of_account = found.one()
            if of_all >= limits.waiting:
                raise _too_many(f"{limits.waiting} jobs wait already")
            if of_account >= limits.waiting_per_account:
                raise _too_many(f"{limits.waiting_per_account} jobs of this account wait already")
            await self._storage.check(connection, account, size_bytes=input_bytes)

    async def add(
        self, job: NewJob, claim: Claim, respond: Callable[[JobRecord], Response]
    ) -> tuple[JobRecord, Response]:
        """Add a queued job, reserve its price, and keep the response by its claim."""
        now = self._clock()
        row = {
            "id": job.id or NewJob.new_id(),
            "account": job.account,
            "request_id": job.request_id,
            "status": QUEUED,
            "total": len(job.endpoints),
            "is_batch": job.is_batch,
            "created_at": now,
            "expires_at": now + self._lifetime,
            # A gateway of the release before must never find it silent.
            "beat_at": now + self._lifetime,
            "input_bytes": job.input_bytes,
            "claim": claim.token,
            "webhook": job.webhook,
            "webhook_status": PENDING if job.webhook else None,
            "endpoints": ",".join(sorted({name for name in job.endpoints if name})) or None,
            **dict.fromkeys(_COUNTS, 0),
        }
        async with transaction(self._engine) as connection:
            added = await connection.execute(insert(JOBS).values(row).returning(*JOBS.c))
            record = record_of(added.one())
            for number, endpoint in enumerate(job.endpoints):
                if endpoint is not None:
                    await self._credit.reserve(
                        connection,
                        job.account,
                        endpoint=endpoint,
                        hold=hold_of(record.id, number),
                        until=now + self._lifetime,
                    )
            response = respond(record)
            await claim.keep_in(connection, response)
        return record, response

    async def find(
        self, job: str, *, account: str, scopes: Collection[str] | None = None
    ) -> JobRecord | None:
        """Return that job of the account, None where a key with these scopes may not see it."""
        if not _ID.fullmatch(job):
            return None
        found = await self._select(JOBS.c.id == job, JOBS.c.account == account)
        return found if found is not None and found.may_be_seen_with(scopes) else None

    async def page(
        self, account: str, *, statuses: Collection[str], limit: int, after: str | None
    ) -> list[JobRecord]:
        """Return jobs of an account without their answers, newest first.

        Args:
            account: whose.
            statuses: that they may have.
            limit: most jobs.
            after: id of a job of the account; those that are older than it.
        """
        if after is not None and not _ID.fullmatch(after):
            return []
        which = [
            JOBS.c.account == account,
            JOBS.c.status.in_(statuses),
            JOBS.c.expires_at > self._clock(),
        ]
        async with transaction(self._engine) as connection:
            if after is not None:
                mine = (JOBS.c.id == after, JOBS.c.account == account)
                last = (await connection.execute(select(JOBS.c.created_at).where(*mine))).scalar()
                if last is None:
                    return []
                same = and_(JOBS.c.created_at == last, JOBS.c.id > after)
                which.append(or_(JOBS.c.created_at < last, same))
            newest = select(JOBS).where(*which).order_by(JOBS.c.created_at.desc(), JOBS.c.id)
            rows = await connection.execute(newest.limit(limit))
            return [record_of(row) for row in rows]

    async def start(self, job: str) -> tuple[JobRecord, set[int]] | None:
        """Note an attempt; return the job and its answered items, None where it has ended."""
        started = (
            update(JOBS)
            .where(JOBS.c.id == job, JOBS.c.status.in_(UNDER_WAY))
            .where(JOBS.c.expires_at > self._clock())
            .values(status=RUNNING, attempts=func.coalesce(JOBS.c.attempts, 0) + 1)
        )
        answered = select(JOB_ITEMS.c.number).where(JOB_ITEMS.c.job == job)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(started.returning(*JOBS.c))).one_or_none()
            if row is None:
                return None
            record = record_of(row)
            if record.done == 0:
                return record, set()
            return record, {item.number for item in await connection.execute(answered)}

    async def give_back(self, job: str) -> None:
        """Forget an attempt that a worker did not finish because it was told to stop."""
        await self._update(job, attempts=JOBS.c.attempts - 1)

    async def alive(self, jobs: Collection[str]) -> set[str]:
        """Return which of these jobs nobody has removed."""
        left = select(JOBS.c.id).where(JOBS.c.id.in_(jobs))
        async with transaction(self._engine) as connection:
            return {row.id for row in await connection.execute(left)}

    async def keep(
        self, job: JobRecord, number: int, outcome: Outcome, charge: Charge | None
    ) -> JobRecord:
        """Keep the outcome of an item, settle its charge, and return the job as it stands then.

        Raises:
            JobGone: nobody can get the outcome, so nothing was charged.
        """
        async with transaction(self._engine) as connection:
            row = await self._count(connection, job, outcome)
            item = upsert(connection, JOB_ITEMS).values(item_row(job, number, outcome))
            kept = await connection.execute(item.on_conflict_do_nothing())
            if kept.rowcount != 1:
                raise JobGone
            if charge is not None:
                await charge.settle(connection)
            else:
                await self._credit.release(connection, [hold_of(job.id, number)])
            if outcome.is_passing:
                await free_claim(connection, job.id)
        if charge is not None:
            charge.close()
        return row

    async def bury(self, job: str) -> bool:
        """Give a job up; return False where it has ended."""
        now = self._clock()
        dead = (
            update(JOBS)
            .where(JOBS.c.id == job, JOBS.c.status.in_(UNDER_WAY))
            .values(status=FAILED, ended_at=now, dead_at=now)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(dead.returning(JOBS.c.total))).one_or_none()
            if row is None:
                return False
            await self._credit.release(connection, holds_of(job, row.total))
            await free_claim(connection, job)
        return True

    async def remove(self, job: str, *, account: str) -> bool:
        """Delete that job of the account; return False where it has none of that id."""
        if not _ID.fullmatch(job):
            return False
        one = delete(JOBS).where(JOBS.c.id == job, JOBS.c.account == account)
        async with transaction(self._engine) as connection:
            await free_claim(connection, job, JOBS.c.account == account, JOBS.c.status != SUCCEEDED)
            row = (await connection.execute(one.returning(JOBS.c.total))).one_or_none()
            if row is None:
                return False
            await connection.execute(delete(JOB_ITEMS).where(JOB_ITEMS.c.job == job))
            await self._credit.release(connection, holds_of(job, row.total))
        return True

    async def published(self, job: str, *, kind: str, number: int, place: int) -> None:
        """Note that a message of a job, or of its webhook, is in the stream."""
        counted, placed = MESSAGE_COLUMNS[kind]
        noted = update(JOBS).where(JOBS.c.id == job, func.coalesce(JOBS.c[counted], 0) < number)
        async with transaction(self._engine) as connection:
            await connection.execute(noted.values({counted: number, placed: place}))

    async def webhook_of(self, job: str) -> JobRecord | None:
        """Return an ended job whose webhook is to be sent, None where it is not."""
        return await self._select(
            JOBS.c.id == job,
            JOBS.c.status.not_in(UNDER_WAY),
            JOBS.c.webhook_status == PENDING,
        )

    async def note_webhook(self, job: JobRecord, *, status: str, attempt: WebhookAttempt) -> None:
        """Note a delivery that was tried."""
        log = msgspec.json.decode(job.webhook_log or "[]", type=list[WebhookAttempt])
        await self._update(
            job.id,
            webhook_status=status,
            webhook_attempts=job.webhook_attempts + 1,
            webhook_log=msgspec.json.encode([*log, attempt]).decode(),
            webhook=JOBS.c.webhook if status == PENDING else None,
        )

    async def _count(
        self, connection: AsyncConnection, job: JobRecord, outcome: Outcome
    ) -> JobRecord:
        """Count an item that is answered, and end the job where it is the last one."""
        now = self._clock()
        is_last = JOBS.c.done + 1 >= JOBS.c.total
        end = SUCCEEDED if job.is_batch or outcome.is_good else FAILED
        counted = (
            update(JOBS)
            .where(JOBS.c.id == job.id, JOBS.c.status.in_(UNDER_WAY))
            .values(
                done=JOBS.c.done + 1,
                status=case((is_last, end), else_=RUNNING),
                ended_at=case((is_last, now), else_=None),
                dead_at=now if outcome.is_passing else JOBS.c.dead_at,
            )
        )
        row = (await connection.execute(counted.returning(*JOBS.c))).one_or_none()
        if row is None:
            raise JobGone
        return record_of(row)

    async def _select(self, *which: ColumnElement[bool]) -> JobRecord | None:
        """Return a job that has not expired, with its answers where it has ended."""
        async with transaction(self._engine) as connection:
            found = select(JOBS).where(*which, JOBS.c.expires_at > self._clock())
            row = (await connection.execute(found)).one_or_none()
            if row is None:
                return None
            if row.status in UNDER_WAY:
                return record_of(row)
            return record_of(row, await items_of(connection, row.id))

    async def _update(self, job: str, **values: Any) -> None:  # Any: values of columns
        async with transaction(self._engine) as connection:
            await connection.execute(update(JOBS).where(JOBS.c.id == job).values(values))


def _too_many(what: str) -> Problem:
    return Problem(429, "overloaded", f"{what}; try again later")
