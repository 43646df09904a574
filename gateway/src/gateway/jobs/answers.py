"""Jobs as their callers and webhooks see them."""

from datetime import UTC

import msgspec

from contract.jobs import (
    JOBS_PATH,
    BatchAnswer,
    ItemAnswer,
    Job,
    JobAnswer,
    Progress,
    WebhookState,
)
from gateway.jobs.outcomes import KeptItem, refused
from gateway.jobs.store import FAILED, JobRecord
from gateway.problems import Problem


def lost() -> Problem:
    """Return what a job ends with whose gateway stopped before it was done."""
    message = "the gateway stopped before this was done; it was not charged; send it again"
    return Problem(503, "job_lost", message)


def job_answer(record: JobRecord) -> JobAnswer:
    """Return the answer that describes a job."""
    job = Job(
        id=record.id,
        url=f"{JOBS_PATH}/{record.id}",
        status=record.status,
        progress=Progress(record.done, record.total),
        created_at=record.created_at.replace(tzinfo=UTC),
        expires_at=record.expires_at.replace(tzinfo=UTC),
        answer=_answer(record),
        webhook=_webhook(record),
    )
    return JobAnswer(job)


def _answer(record: JobRecord) -> ItemAnswer | None:
    if record.answer is not None:
        return msgspec.json.decode(record.answer, type=ItemAnswer)
    if record.status != FAILED:
        return None
    missing = refused(lost(), request_id=record.request_id).as_item()
    return missing if record.items is None else _rest_of_batch(record, record.items, missing)


def _rest_of_batch(record: JobRecord, items: str, missing: ItemAnswer) -> ItemAnswer:
    """Return what a lost batch had answered, because that was charged."""
    kept = msgspec.json.decode(items, type=list[KeptItem])
    by_number = {item.number: item.answer for item in kept}
    result = [by_number.get(number, missing) for number in range(record.total)]
    body = msgspec.json.encode(BatchAnswer(result))
    return ItemAnswer(200, msgspec.Raw(body))


def _webhook(record: JobRecord) -> WebhookState | None:
    if record.webhook_status is None:
        return None
    return WebhookState(record.webhook_status, record.webhook_attempts)
