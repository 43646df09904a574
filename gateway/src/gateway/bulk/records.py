"""Records of bulk jobs and their shards, as the database keeps them."""

import re
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.engine import Row

from contract.bulk import BULK_PATH, Bulk
from gateway.jobs.records import QUEUED, RUNNING, SUCCEEDED

RECEIVING: Final = "receiving"
WAITING: Final = (QUEUED, RUNNING)  # states in which shards are worked on

BULK_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class BulkRecord:
    """A bulk job as it stands; its times are UTC."""

    id: str  # its secret name
    account: str
    request_id: str
    status: str  # "receiving", "queued", "running" or "succeeded"
    endpoint: str  # name of the endpoint that is asked
    done: int  # items that are answered, or ended with an error
    failed: int  # of these, those with an error
    total: int
    shards: int
    published: int  # shards below this number have, or had, a message
    created_at: datetime
    started_at: datetime | None  # when the first shard was pulled
    ended_at: datetime | None
    expires_at: datetime  # when it is deleted

    @property
    def is_over(self) -> bool:
        """True when every item has its line in the output."""
        return self.status == SUCCEEDED

    def may_be_seen_with(self, scopes: Collection[str] | None) -> bool:
        """Tell whether a key with these scopes, None for all, may ask the endpoint."""
        return scopes is None or self.endpoint in scopes


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """A shard in the hand of a worker."""

    bulk: BulkRecord
    number: int
    first: int  # number of its first item
    items: int  # how many it has
    attempt: int  # number of this delivery
    part: int | None  # attempt that has left an output, None before the first
    is_paid: bool  # the price of its items is reserved, where they have one


def bulk_of(row: Row[Any]) -> BulkRecord:  # Any: the columns of BULKS
    """Return the record of a row."""
    return BulkRecord(**{field.name: getattr(row, field.name) for field in fields(BulkRecord)})


def described(record: BulkRecord, now: datetime) -> Bulk:
    """Return a bulk job as its caller sees it."""
    rate = 0.0
    if record.started_at is not None:
        spent_s = ((record.ended_at or now) - record.started_at).total_seconds()
        rate = record.done / max(spent_s, 0.001)
    path = f"{BULK_PATH}/{record.id}"
    return Bulk(
        id=record.id,
        url=path,
        events=f"{path}/events",
        status=record.status,
        endpoint=record.endpoint,
        done=record.done,
        failed=record.failed,
        total=record.total,
        items_per_second=round(rate, 3),
        remaining_seconds=round((record.total - record.done) / rate, 1) if rate else None,
        created_at=record.created_at.replace(tzinfo=UTC),
        expires_at=record.expires_at.replace(tzinfo=UTC),
        output=f"{path}/output" if record.is_over else None,
    )
