"""Bulk jobs in the database, from their first shard to their end, and their messages.

The end of a shard, the charges of its items and the counts of its job are one transaction, which
an attempt that is not the newest cannot make: a shard that is worked on twice counts once.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from attrs import define
from sqlalchemy import Update, bindparam, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.ledger import Ledger
from gateway.accounts.storage import Storage
from gateway.bulk.records import (
    BULK_ID,
    RECEIVING,
    WAITING,
    BulkRecord,
    ShardRecord,
    bulk_of,
)
from gateway.database.clock import Clock
from gateway.database.engine import DatabaseUnavailable, transaction
from gateway.database.tables import BULK_SHARDS, BULKS
from gateway.jobs.engine import BULK, EngineUnavailable, JobEngine
from gateway.jobs.publishing import account_token
from gateway.jobs.records import QUEUED, RUNNING, SUCCEEDED, hold_of
from gateway.jobs.store import JobGone
from gateway.problems import Problem

WINDOW: Final = 64  # shards of one bulk job that have a message at once

_RECEIVED_WITHIN: Final = timedelta(minutes=10)  # from one shard of an upload to the next

_PLACE = (
    update(BULK_SHARDS)
    .where(BULK_SHARDS.c.bulk == bindparam("of"), BULK_SHARDS.c.number == bindparam("shard"))
    .values(message=bindparam("place"), publications=BULK_SHARDS.c.publications + 1)
)


@define(eq=False)
class BulkStore:
    """The bulk jobs in the database."""

    _engine: AsyncEngine
    _credit: Ledger
    lifetime: timedelta  # of a bulk job, from its last progress on
    _most: int  # jobs of an account that are not over at once
    _clock: Clock
    _storage: Storage

    async def open(self, bulk: str, account: str, *, request_id: str, endpoint: str) -> None:
        """Add a bulk job whose shards follow.

        Raises:
            Problem: 409, it is there already; 429, the account has too many.
        """
        now = self._clock()
        row = {
            "id": bulk,
            "account": account,
            "request_id": request_id,
            "endpoint": endpoint,
            "status": RECEIVING,
            "created_at": now,
            "expires_at": now + _RECEIVED_WITHIN,
            **dict.fromkeys(("done", "failed", "total", "shards", "published"), 0),
            "stored_bytes": 0,
        }
        waiting = (BULKS.c.account == account, BULKS.c.status != SUCCEEDED)
        count = select(func.count()).select_from(BULKS).where(*waiting)
        try:
            async with transaction(self._engine) as connection:
                if int(await connection.scalar(count) or 0) >= self._most:
                    message = (
                        f"{self._most} bulk jobs of this account wait already; try again later"
                    )
                    raise Problem(429, "overloaded", message)
                await connection.execute(insert(BULKS).values(row))
        except IntegrityError as error:
            message = "a request with the same Idempotency-Key is still running; try again later"
            raise Problem(409, "request_in_progress", message) from error

    async def add_shard(self, bulk: str, account: str, *, items: int, size_bytes: int) -> None:
        """Add the next shard.

        Raises:
            Problem: 507, the account or the disk is full; 404, the job was deleted.
        """
        grown = (
            update(BULKS)
            .where(BULKS.c.id == bulk, BULKS.c.status == RECEIVING)
            .values(
                total=BULKS.c.total + items,
                shards=BULKS.c.shards + 1,
                stored_bytes=BULKS.c.stored_bytes + size_bytes,
                expires_at=self._clock() + _RECEIVED_WITHIN,
            )
        )
        async with transaction(self._engine) as connection:
            await self._storage.check(connection, account, size_bytes=size_bytes)
            row = (await connection.execute(grown.returning(*BULKS.c))).one_or_none()
            if row is None:
                raise Problem(404, "not_found", "the bulk job was deleted while it was received")
            shard = {
                "bulk": bulk,
                "number": row.shards - 1,
                "account": account,
                "first": row.total - items,
                "items": items,
                "is_over": False,
                **dict.fromkeys(("done", "attempts", "publications"), 0),
            }
            await connection.execute(insert(BULK_SHARDS).values(shard))

    async def complete(self, bulk: str) -> BulkRecord:
        """Queue a bulk job whose shards are all there.

        Raises:
            Problem: 400, it has no items; 406, the account cannot pay it; 404, it was deleted.
        """
        expires_at = self._clock() + self.lifetime
        queued = (
            update(BULKS)
            .where(BULKS.c.id == bulk, BULKS.c.status == RECEIVING)
            .values(status=QUEUED, published=WINDOW, expires_at=expires_at)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(queued.returning(*BULKS.c))).one_or_none()
            if row is None:
                raise Problem(404, "not_found", "the bulk job was deleted while it was received")
            if row.total == 0:
                message = "there is no item; hidden files and empty lines are left out"
                raise Problem(400, "invalid_parameter", message)
            await self._credit.check(
                connection, row.account, endpoint=row.endpoint, units=row.total
            )
        return bulk_of(row)

    async def find(
        self, bulk: str, *, account: str, scopes: Collection[str] | None = None
    ) -> BulkRecord | None:
        """Return that job of the account, None where a key with these scopes may not see it."""
        if not BULK_ID.fullmatch(bulk):
            return None
        mine = (BULKS.c.id == bulk, BULKS.c.account == account)
        living = select(BULKS).where(*mine, BULKS.c.expires_at > self._clock())
        async with transaction(self._engine) as connection:
            row = (await connection.execute(living)).one_or_none()
        record = None if row is None else bulk_of(row)
        return record if record is not None and record.may_be_seen_with(scopes) else None

    async def newest(self, account: str, *, limit: int) -> list[BulkRecord]:
        """Return the newest jobs of an account."""
        mine = (BULKS.c.account == account, BULKS.c.expires_at > self._clock())
        newest = select(BULKS).where(*mine).order_by(BULKS.c.created_at.desc(), BULKS.c.id)
        async with transaction(self._engine) as connection:
            return [bulk_of(row) for row in await connection.execute(newest.limit(limit))]

    async def parts(self, bulk: str, *, after: int, limit: int) -> list[tuple[int, int | None]]:
        """Return the numbers of shards behind `after`, and which attempt has left their output."""
        some = (
            select(BULK_SHARDS.c.number, BULK_SHARDS.c.part)
            .where(BULK_SHARDS.c.bulk == bulk, BULK_SHARDS.c.number > after)
            .order_by(BULK_SHARDS.c.number)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            return [(row.number, row.part) for row in await connection.execute(some)]

    async def alive(self, bulks: Collection[str]) -> set[str]:
        """Return which of these nobody has deleted."""
        left = select(BULKS.c.id).where(BULKS.c.id.in_(bulks))
        async with transaction(self._engine) as connection:
            return {row.id for row in await connection.execute(left)}

    async def delete(self, bulk: str) -> None:
        """Delete a bulk job, its shards, and what they have reserved."""
        mine = BULK_SHARDS.c.bulk == bulk
        open_shards = select(BULK_SHARDS.c.number).where(
            mine, ~BULK_SHARDS.c.is_over, BULK_SHARDS.c.attempts > 0
        )
        async with transaction(self._engine) as connection:
            await connection.execute(delete(BULKS).where(BULKS.c.id == bulk))
            numbers = [row.number for row in await connection.execute(open_shards)]
            await self._credit.release(connection, [_hold(bulk, number) for number in numbers])
            await connection.execute(delete(BULK_SHARDS).where(mine))

    async def published(self, bulk: str, places: Mapping[int, int]) -> None:
        """Note the places of messages of shards in the stream."""
        rows = [{"of": bulk, "shard": shard, "place": place} for shard, place in places.items()]
        async with transaction(self._engine) as connection:
            await connection.execute(_PLACE, rows)

    async def start(self, bulk: str, number: int) -> ShardRecord | None:
        """Note an attempt at a shard and reserve its price; return None where it is over."""
        now = self._clock()
        running = (
            update(BULKS)
            .where(BULKS.c.id == bulk, BULKS.c.status.in_(WAITING))
            .values(status=RUNNING, started_at=func.coalesce(BULKS.c.started_at, now))
        )
        started = (
            update(BULK_SHARDS)
            .where(BULK_SHARDS.c.bulk == bulk, BULK_SHARDS.c.number == number)
            .where(~BULK_SHARDS.c.is_over)
            .values(attempts=BULK_SHARDS.c.attempts + 1)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(running.returning(*BULKS.c))).one_or_none()
            shard = (await connection.execute(started.returning(*BULK_SHARDS.c))).one_or_none()
            if row is None or shard is None:
                return None
            is_paid = True
            try:
                await self._credit.hold(
                    connection,
                    row.account,
                    endpoint=row.endpoint,
                    units=shard.items - shard.done,
                    hold=_hold(bulk, number),
                )
            except Problem:
                is_paid = False
        return ShardRecord(
            bulk_of(row), number, shard.first, shard.items, shard.attempts, shard.part, is_paid
        )

    async def give_back(self, bulk: str, number: int) -> None:
        """Forget an attempt that a worker did not finish because it was told to stop."""
        mine = (BULK_SHARDS.c.bulk == bulk, BULK_SHARDS.c.number == number)
        fewer = update(BULK_SHARDS).where(*mine).values(attempts=BULK_SHARDS.c.attempts - 1)
        async with transaction(self._engine) as connection:
            await connection.execute(fewer)

    async def keep(
        self,
        shard: ShardRecord,
        *,
        good: Sequence[int],
        failed: int,
        is_over: bool,
        grown_bytes: int,
    ) -> BulkRecord:
        """Keep what an attempt has answered, charge it, and return the job as it stands then.

        Args:
            shard: as it was started.
            good: numbers of the items that were answered.
            failed: number of the items that ended with an error.
            is_over: each item of the shard has its line in the output.
            grown_bytes: what the files of the shard have grown by.

        Raises:
            JobGone: the job was deleted, or a later attempt has begun; nothing was charged.
        """
        bulk, done = shard.bulk, len(good) + failed
        async with transaction(self._engine) as connection:
            counted = self._counted(bulk, done, failed, grown_bytes, is_over=is_over)
            row = (await connection.execute(counted.returning(*BULKS.c))).one_or_none()
            ended = (
                update(BULK_SHARDS)
                .where(BULK_SHARDS.c.bulk == bulk.id, BULK_SHARDS.c.number == shard.number)
                .where(BULK_SHARDS.c.attempts == shard.attempt, ~BULK_SHARDS.c.is_over)
                .values(done=BULK_SHARDS.c.done + done, part=shard.attempt, is_over=is_over)
            )
            if row is None or (await connection.execute(ended)).rowcount != 1:
                raise JobGone
            await self._credit.settle_items(
                connection,
                bulk.account,
                endpoint=bulk.endpoint,
                hold=_hold(bulk.id, shard.number),
                items=[hold_of(bulk.id, number) for number in good],
            )
        return bulk_of(row)

    def _counted(
        self, bulk: BulkRecord, done: int, failed: int, grown_bytes: int, *, is_over: bool
    ) -> Update:
        now = self._clock()
        is_last = BULKS.c.done + done >= BULKS.c.total
        return (
            update(BULKS)
            .where(BULKS.c.id == bulk.id, BULKS.c.status.in_(WAITING))
            .values(
                done=BULKS.c.done + done,
                failed=BULKS.c.failed + failed,
                published=BULKS.c.published + int(is_over),
                stored_bytes=BULKS.c.stored_bytes + grown_bytes,
                status=case((is_last, SUCCEEDED), else_=RUNNING),
                ended_at=case((is_last, now), else_=None),
                expires_at=now + self.lifetime,
            )
        )


def _hold(bulk: str, shard: int) -> str:
    """Return the id of the hold of a shard; below zero, where no item is."""
    return hold_of(bulk, -1 - shard)


@define(eq=False)
class BulkPublisher:
    """Publishes ids of shards; what cannot be published is left to the `BulkUpkeep`."""

    _engine: JobEngine
    _store: BulkStore

    async def publish(self, bulk: BulkRecord, shards: Mapping[int, int]) -> None:
        """Have workers work on shards.

        Args:
            bulk: job that they are of.
            shards: number of the publication by that of the shard.
        """
        token = account_token(bulk.account)
        places = {}
        with suppress(EngineUnavailable, DatabaseUnavailable):
            for shard, number in shards.items():
                job = f"{bulk.id}.{shard}"
                place = await self._engine.publish(BULK, token, job=job, number=number)
                places[shard] = place
            if places:
                await self._store.published(bulk.id, places)
