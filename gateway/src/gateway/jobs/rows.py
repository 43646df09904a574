"""Rows that belong to a job: answers to its items, holds of their price, its kept response."""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.jobs import ItemAnswer
from gateway.accounts.kept_urls import without_queries
from gateway.database.tables import IDEMPOTENT, JOB_ITEMS, JOBS
from gateway.jobs.outcomes import Outcome
from gateway.jobs.records import JobRecord

# Columns with the number of a message that was published last, and with its place in the stream.
MESSAGE_COLUMNS: Final = {
    "jobs": ("publications", "message"),
    "webhooks": ("webhook_publications", "webhook_message"),
}


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
