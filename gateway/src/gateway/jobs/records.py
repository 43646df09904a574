"""Records of jobs, as the database keeps them, and the rows that belong to a job."""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.jobs import ItemAnswer
from gateway.accounts.kept_urls import without_queries
from gateway.database.tables import IDEMPOTENT, JOB_ITEMS, JOBS
from gateway.jobs.outcomes import Outcome

QUEUED: Final = "queued"
RUNNING: Final = "running"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
UNDER_WAY: Final = (QUEUED, RUNNING)

_ID_BYTES: Final = 16  # 128 bits: nobody guesses a job

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
GIVEN_UP: Final = "failed"

# Columns with the number of a message that was published last, and with its place in the stream.
MESSAGE_COLUMNS: Final = {
    "jobs": ("publications", "message"),
    "webhooks": ("webhook_publications", "webhook_message"),
}


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits on jobs that are queued or running."""

    waiting: int  # of all accounts
    waiting_per_account: int  # of one account


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to add."""

    account: str
    request_id: str
    endpoints: Sequence[str | None]  # of its items, None for one that is no good request
    is_batch: bool = False  # its answer is that of a batch
    input_bytes: int = 0  # of its input in the object store
    webhook: str | None = None  # where it is sent when it has ended
    id: str = ""  # its secret name

    @staticmethod
    def new_id() -> str:
        """Return an id that nobody guesses."""
        return secrets.token_hex(_ID_BYTES)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands; its times are UTC."""

    id: str  # its secret name
    account: str
    request_id: str
    status: str  # "queued", "running", "succeeded" or "failed"
    done: int  # items that are answered
    total: int  # items that it has, 1 where it is no batch
    is_batch: bool  # its answer is that of a batch
    created_at: datetime
    expires_at: datetime  # when it is deleted
    attempts: int  # deliveries to workers since it was queued
    publications: int  # messages of the job that were published
    webhook: str | None  # where it is sent when it has ended
    webhook_status: str | None  # "pending", "delivered" or "failed"; None without a webhook
    webhook_attempts: int  # deliveries tried
    webhook_publications: int  # messages of the webhook that were published
    webhook_log: str | None  # JSON of the deliveries tried, None before the first
    is_dead: bool  # it was given up, and can be queued again
    endpoints: tuple[str, ...]  # names of those that it asks
    items: Mapping[int, ItemAnswer] | None = None  # answers by number; None where not asked for

    def may_be_seen_with(self, scopes: Collection[str] | None) -> bool:
        """Tell whether a key with these scopes, None for all, may ask all that the job asks."""
        return scopes is None or (bool(self.endpoints) and set(self.endpoints) <= set(scopes))

    @property
    def is_over(self) -> bool:
        """True when it has ended."""
        return self.status not in UNDER_WAY


def record_of(
    row: Row[Any],  # Any: the columns of JOBS
    items: Mapping[int, ItemAnswer] | None = None,
) -> JobRecord:
    """Return the record of a row."""
    return JobRecord(
        id=row.id,
        account=row.account,
        request_id=row.request_id,
        status=row.status,
        done=row.done,
        total=row.total,
        is_batch=bool(row.is_batch),
        created_at=row.created_at,
        expires_at=row.expires_at,
        attempts=row.attempts or 0,
        publications=row.publications or 0,
        webhook=row.webhook,
        webhook_status=row.webhook_status,
        webhook_attempts=row.webhook_attempts,
        webhook_publications=row.webhook_publications or 0,
        webhook_log=row.webhook_log,
        is_dead=row.dead_at is not None,
        endpoints=tuple(row.endpoints.split(",")) if row.endpoints else (),
        items=items,
    )


def hold_of(job: str, number: int) -> str:
    """Return the id of the hold that reserves the price of an item."""
    return hashlib.sha256(f"{job}:{number}".encode()).hexdigest()[:32]


def holds_of(job: str, total: int) -> list[str]:
    """Return the ids of the holds of all items of a job."""
    return [hold_of(job, number) for number in range(total)]


def item_row(job: JobRecord, number: int, outcome: Outcome) -> dict[str, object]:
    """Return the row of an item's answer."""
    return {
        "job": job.id,
        "number": number,
        "account": job.account,
        "status": outcome.status,
        "body": without_queries(outcome.body).decode(),
        "is_passing": outcome.is_passing,
    }


async def items_of(connection: AsyncConnection, job: str) -> Mapping[int, ItemAnswer]:
    """Return the answers to the items of a job."""
    rows = await connection.execute(select(JOB_ITEMS).where(JOB_ITEMS.c.job == job))
    return {row.number: ItemAnswer(row.status, msgspec.Raw(row.body.encode())) for row in rows}


async def free_claim(connection: AsyncConnection, job: str, *which: ColumnElement[bool]) -> None:
    """Delete the answer that is kept by the Idempotency-Key of a job."""
    claim = select(JOBS.c.claim).where(JOBS.c.id == job, *which).scalar_subquery()
    await connection.execute(delete(IDEMPOTENT).where(IDEMPOTENT.c.token == claim))
