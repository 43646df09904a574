"""Jobs as their callers and webhooks see them."""

from datetime import UTC
from typing import Final

import msgspec

from gateway import job_contract
from gateway.jobs.outcomes import refused
from gateway.jobs.store import FAILED, JobRecord
from gateway.problems import Problem

JOBS_PATH: Final = "/api/v1/jobs"


def lost() -> Problem:
    """Return what a job ends with whose gateway stopped before it was done."""
    message = "the gateway stopped before this was done; it was not charged; send it again"
    return Problem(503, "job_lost", message)


def job_answer(record: JobRecord) -> job_contract.JobAnswer:
    """Return the answer that describes a job."""
    job = job_contract.Job(
        id=record.id,
        url=f"{JOBS_PATH}/{record.id}",
        status=record.status,
        progress=job_contract.Progress(record.done, record.total),
        created_at=record.created_at.replace(tzinfo=UTC),
        expires_at=record.expires_at.replace(tzinfo=UTC),
        answer=_answer(record),
        webhook=_webhook(record),
    )
    return job_contract.JobAnswer(job)


def _answer(record: JobRecord) -> job_contract.ItemAnswer | None:
    if record.answer is not None:
        return msgspec.json.decode(record.answer, type=job_contract.ItemAnswer)
    if record.status != FAILED:
        return None
    missing = refused(lost(), request_id=record.request_id).as_item()
    return missing if record.items is None else _rest_of_batch(record, record.items, missing)


def _rest_of_batch(
    record: JobRecord, items: str, missing: job_contract.ItemAnswer
) -> job_contract.ItemAnswer:
    """Return what a lost batch had answered, because that was charged."""
    kept = msgspec.json.decode(items, type=list[job_contract.KeptItem])
    by_number = {item.number: item.answer for item in kept}
    result = [by_number.get(number, missing) for number in range(record.total)]
    body = msgspec.json.encode(job_contract.BatchAnswer(result))
    return job_contract.ItemAnswer(200, msgspec.Raw(body))


def _webhook(record: JobRecord) -> job_contract.WebhookState | None:
    if record.webhook_status is None:
        return None
    return job_contract.WebhookState(record.webhook_status, record.webhook_attempts)
