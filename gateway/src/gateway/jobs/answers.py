"""Jobs as their callers and webhooks see them."""

from datetime import UTC
from typing import Final

import msgspec

from contract.jobs import (
    JOBS_PATH,
    BatchAnswer,
    ItemAnswer,
    Job,
    JobAnswer,
    Progress,
    WebhookAttempt,
    WebhookState,
)
from gateway.jobs.outcomes import refused
from gateway.jobs.records import JobRecord
from gateway.problems import Problem

_ABANDONED: Final = Problem(
    503,
    "job_abandoned",
    "the job was tried several times and never came to its end; it was not charged; send it again",
)


def job_answer(record: JobRecord) -> JobAnswer:
    """Return the answer that describes a job."""
    return JobAnswer(job_of(record))


def job_of(record: JobRecord) -> Job:
    """Return the description of a job; its answer is there where the record has its items."""
    return Job(
        id=record.id,
        url=f"{JOBS_PATH}/{record.id}",
        status=record.status,
        progress=Progress(record.done, record.total),
        created_at=record.created_at.replace(tzinfo=UTC),
        expires_at=record.expires_at.replace(tzinfo=UTC),
        answer=_answer(record),
        webhook=_webhook(record),
    )


def _answer(record: JobRecord) -> ItemAnswer | None:
    if not record.is_over or record.items is None:
        return None
    missing = refused(_ABANDONED, request_id=record.request_id).as_item()
    result = [record.items.get(number, missing) for number in range(record.total)]
    if not record.is_batch:
        return result[0]
    return ItemAnswer(200, msgspec.Raw(msgspec.json.encode(BatchAnswer(result))))


def _webhook(record: JobRecord) -> WebhookState | None:
    if record.webhook_status is None:
        return None
    log = msgspec.json.decode(record.webhook_log or "[]", type=list[WebhookAttempt])
    return WebhookState(record.webhook_status, record.webhook_attempts, log)
