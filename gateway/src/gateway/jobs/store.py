"""Jobs in the database: their state, their answers and what their webhooks are owed.

A job lives in the gateway that took it. That gateway says every few seconds that it is alive; a
job whose gateway has been silent for `LOST_AFTER` is lost, and says so to whoever asks.
"""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Update, case, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.kept_urls import without_queries
from gateway.accounts.storage import UNLIMITED, Storage
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import transaction
from gateway.database.tables import JOBS

QUEUED: Final = "queued"
RUNNING: Final = "running"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
_UNDER_WAY: Final = (QUEUED, RUNNING)

PENDING: Final = "pending"
DELIVERED: Final = "delivered"

LOST_AFTER: Final = timedelta(minutes=1)  # six times what a gateway lets pass between two beats

_ID_BYTES = 16  # 128 bits: nobody guesses a job
_ID = re.compile(r"[0-9a-f]{32}")  # other texts need not be looked up, and some cannot be


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands.

    Attributes:
        id: its secret name.
        account: whose it is.
        request_id: of the request that made it.
        status: one of "queued", "running", "succeeded" and "failed".
        done: items that are answered.
        total: items that it has, 1 where it is no batch.
        created_at: UTC.
        beat_at: when its gateway was last alive, UTC.
        expires_at: when it is forgotten, UTC.
        items: JSON of what a batch that was lost had answered; None where there is nothing.
        answer: JSON; None while it is under way, and for ever where it was lost.
        webhook: where it is sent when it has ended, None for nowhere.
        webhook_status: "pending", "delivered" or "failed"; None without a webhook.
        webhook_attempts: deliveries tried.
        endpoints: names of those that it asks.
    """

    id: str
    account: str
    request_id: str
    status: str
    done: int
    total: int
    created_at: datetime
    beat_at: datetime
    expires_at: datetime
    items: str | None
    answer: str | None
    webhook: str | None
    webhook_status: str | None
    webhook_attempts: int
    endpoints: tuple[str, ...]

    def may_be_seen_with(self, scopes: Collection[str] | None) -> bool:
        """Tell whether a key with these scopes, None for all, may ask all that the job asks."""
        return scopes is None or (bool(self.endpoints) and set(self.endpoints) <= set(scopes))

    @property
    def is_over(self) -> bool:
        """True when it has ended."""
        return self.status not in _UNDER_WAY


class JobStore:
    """The jobs in the database.

    Args:
        engine: the gateway's database.
        lifetime: how long a job and its answer are kept, from its beginning.
        clock: gives the time now, UTC without a zone.
        storage: limits what is kept.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        lifetime: timedelta,
        clock: Clock = utc_now,
        storage: Storage = UNLIMITED,
    ) -> None:
        self._engine = engine
        self._storage = storage
        self._lifetime = lifetime
        self._clock = clock

    async def add(
        self,
        *,
        account: str,
        request_id: str,
        total: int,
        webhook: str | None,
        endpoints: Collection[str] = (),
    ) -> JobRecord:
        """Add a queued job and return it.

        Raises:
            Problem: 507, the account or the disk is full; 503.
        """
        now = self._clock()
        row = {
            "id": secrets.token_hex(_ID_BYTES),
            "account": account,
            "request_id": request_id,
            "status": QUEUED,
            "done": 0,
            "total": total,
            "created_at": now,
            "beat_at": now,
            "expires_at": now + self._lifetime,
            "webhook": webhook,
            "webhook_status": PENDING if webhook else None,
            "webhook_attempts": 0,
            "endpoints": ",".join(sorted(set(endpoints))) or None,
        }
        async with transaction(self._engine) as connection:
            await self._storage.check(connection, account, size_bytes=1)
            await connection.execute(insert(JOBS).values(row))
            added = await connection.execute(select(JOBS).where(JOBS.c.id == row["id"]))
            return _record(added.one())

    async def find(
        self, job: str, *, account: str, scopes: Collection[str] | None = None
    ) -> JobRecord | None:
        """Return that job of the account, None where a key with these scopes may not see it."""
        if not _ID.fullmatch(job):
            return None
        mine = (JOBS.c.id == job, JOBS.c.account == account)
        found = await self._select(*mine)
        if found is None or not found.may_be_seen_with(scopes):
            return None
        if found.is_over or not self._is_silent(found.beat_at):
            return found
        await self._lose(*mine, self._is_silent(JOBS.c.beat_at))
        return await self._select(*mine)

    async def _select(self, *which: ColumnElement[bool]) -> JobRecord | None:
        living = select(JOBS).where(*which, JOBS.c.expires_at > self._clock())
        async with transaction(self._engine) as connection:
            row = (await connection.execute(living)).one_or_none()
        return _record(row) if row is not None else None

    async def advance(self, job: str, *, done: int) -> None:
        """Note that the job runs and that so many of its items are answered."""
        await self._update_live(job, status=RUNNING, done=done)

    async def keep_items(self, job: str, items: str) -> bool:
        """Keep what a batch has answered so far; return False where the job is gone or lost."""
        kept = without_queries(items.encode()).decode()
        return await self._update_live(job, items=kept)

    async def end(self, job: str, *, status: str, answer: str) -> bool:
        """Note how the job ended; return False where it is gone or was given up as lost."""
        now = self._clock()
        due = case((JOBS.c.webhook.is_not(None), now), else_=None)
        done = JOBS.c.total if status == SUCCEEDED else JOBS.c.done
        answer = without_queries(answer.encode()).decode()
        return await self._update_live(
            job, status=status, answer=answer, items=None, done=done, webhook_due_at=due
        )

    async def remove(self, job: str, *, account: str) -> bool:
        """Forget that job of the account; return False where it has none of that id."""
        if not _ID.fullmatch(job):
            return False
        one = delete(JOBS).where(JOBS.c.id == job, JOBS.c.account == account)
        async with transaction(self._engine) as connection:
            return (await connection.execute(one)).rowcount == 1

    async def beat(self, jobs: Collection[str]) -> set[str]:
        """Say that these jobs are alive, and return those of them that nobody removed."""
        alive = update(JOBS).where(JOBS.c.id.in_(jobs)).values(beat_at=self._clock())
        async with transaction(self._engine) as connection:
            return {row.id for row in await connection.execute(alive.returning(JOBS.c.id))}

    async def give_up(self, jobs: Collection[str]) -> None:
        """Note that these jobs, where they have not ended, never will."""
        await self._lose(JOBS.c.id.in_(jobs))

    async def sweep(self) -> int:
        """Give up what is lost, forget what has expired, and return how many were lost."""
        lost = await self._lose(self._is_silent(JOBS.c.beat_at))
        async with transaction(self._engine) as connection:
            await connection.execute(delete(JOBS).where(JOBS.c.expires_at <= self._clock()))
        return lost

    async def claim_webhooks(self, *, limit: int, lease: timedelta) -> list[JobRecord]:
        """Return ended jobs whose webhook is due; no other gateway gets them within the lease."""
        now = self._clock()
        due = select(JOBS.c.id, JOBS.c.webhook_due_at).where(JOBS.c.webhook_due_at <= now)
        claimed = []
        async with transaction(self._engine) as connection:
            for row in (await connection.execute(due.limit(limit))).all():
                # Whoever sees the time unchanged has it: two gateways may have read the same row.
                mine = (
                    update(JOBS)
                    .where(JOBS.c.id == row.id, JOBS.c.webhook_due_at == row.webhook_due_at)
                    .values(webhook_due_at=now + lease)
                    .returning(*JOBS.c)
                )
                claimed += [_record(job) for job in await connection.execute(mine)]
        return claimed

    async def note_webhook(self, job: str, *, status: str, retry_in: timedelta | None) -> None:
        """Note a delivery that was tried, and when the next is due, None for never."""
        due = None if retry_in is None else self._clock() + retry_in
        await self._execute(
            update(JOBS)
            .where(JOBS.c.id == job)
            .values(
                webhook_status=status,
                webhook_attempts=JOBS.c.webhook_attempts + 1,
                webhook_due_at=due,
                webhook=None if due is None else JOBS.c.webhook,
            )
        )

    async def seconds_to_webhook(self) -> float | None:
        """Return the time until the next webhook is due, in seconds; None where none waits."""
        async with transaction(self._engine) as connection:
            due = (await connection.execute(select(func.min(JOBS.c.webhook_due_at)))).scalar()
        return None if due is None else max(0.0, (due - self._clock()).total_seconds())

    def _is_silent(self, beat_at: Any) -> Any:  # Any: a time and a truth, or columns of them
        return beat_at < self._clock() - LOST_AFTER

    async def _lose(self, *which: ColumnElement[bool]) -> int:
        due = case((JOBS.c.webhook.is_not(None), self._clock()), else_=None)
        return await self._execute(
            update(JOBS)
            .where(JOBS.c.status.in_(_UNDER_WAY), *which)
            .values(status=FAILED, webhook_due_at=due)
        )

    async def _update_live(self, job: str, **values: Any) -> bool:  # Any: values of columns
        changed = update(JOBS).where(JOBS.c.id == job, JOBS.c.status.in_(_UNDER_WAY))
        return await self._execute(changed.values(beat_at=self._clock(), **values)) == 1

    async def _execute(self, statement: Update) -> int:
        async with transaction(self._engine) as connection:
            return (await connection.execute(statement)).rowcount


def _record(row: Row[Any]) -> JobRecord:  # Any: the columns of JOBS
    return JobRecord(
        row.id,
        row.account,
        row.request_id,
        row.status,
        row.done,
        row.total,
        row.created_at,
        row.beat_at,
        row.expires_at,
        row.items,
        row.answer,
        row.webhook,
        row.webhook_status,
        row.webhook_attempts,
        tuple(row.endpoints.split(",")) if row.endpoints else (),
    )
