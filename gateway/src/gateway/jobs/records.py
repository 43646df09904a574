"""Records of jobs, as the database keeps them."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Row

from contract.jobs import ItemAnswer

QUEUED: Final = "queued"
RUNNING: Final = "running"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
UNDER_WAY: Final = (QUEUED, RUNNING)

_ID_BYTES: Final = 16  # 128 bits: nobody guesses a job

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
GIVEN_UP: Final = "failed"


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits on jobs that are queued or running.

    Attributes:
        waiting: of all accounts.
        waiting_per_account: of one account.
    """

    waiting: int
    waiting_per_account: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to add.

    Attributes:
        id: its secret name.
        account: who asks.
        request_id: of the request.
        endpoints: of its items, None for an item that is no good request.
        is_batch: its answer is that of a batch.
        input_bytes: size of its input in the object store.
        webhook: where it is sent when it has ended.
    """

    account: str
    request_id: str
    endpoints: Sequence[str | None]
    is_batch: bool = False
    input_bytes: int = 0
    webhook: str | None = None
    id: str = ""

    @staticmethod
    def new_id() -> str:
        """Return an id that nobody guesses."""
        return secrets.token_hex(_ID_BYTES)


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
        is_batch: its answer is that of a batch.
        created_at: UTC.
        expires_at: when it is deleted, UTC.
        attempts: deliveries to workers since it was queued.
        publications: messages of the job that were published.
        webhook: where it is sent when it has ended, None for nowhere.
        webhook_status: "pending", "delivered" or "failed"; None without a webhook.
        webhook_attempts: deliveries tried.
        webhook_publications: messages of the webhook that were published.
        webhook_log: JSON of the deliveries tried, None before the first.
        is_dead: it was given up, and can be queued again.
        endpoints: names of those that it asks.
        items: answers by the number of the item; None where they were not asked for.
    """

    id: str
    account: str
    request_id: str
    status: str
    done: int
    total: int
    is_batch: bool
    created_at: datetime
    expires_at: datetime
    attempts: int
    publications: int
    webhook: str | None
    webhook_status: str | None
    webhook_attempts: int
    webhook_publications: int
    webhook_log: str | None
    is_dead: bool
    endpoints: tuple[str, ...]
    items: Mapping[int, ItemAnswer] | None = None

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
