"""Publication of messages: after the commit that makes them due, and again where they were lost."""

import hashlib
from contextlib import suppress

from attrs import define

from gateway.database.engine import DatabaseUnavailable
from gateway.fetching.urls import parse_url
from gateway.jobs.engine import JOBS, WEBHOOKS, EngineUnavailable, JobEngine
from gateway.jobs.records import JobRecord
from gateway.jobs.store import JobStore


@define(eq=False)
class Publisher:
    """Publishes ids of jobs.

    What cannot be published is committed all the same, and published by the `Reconciler`.
    """

    _engine: JobEngine
    _store: JobStore

    async def publish_job(self, record: JobRecord) -> None:
        """Have a worker work on a job."""
        number = record.publications + 1
        await self._publish(JOBS, account_token(record.account), record, number)

    async def publish_webhook(self, record: JobRecord) -> None:
        """Have the webhook of a job that has ended sent, where it has one."""
        if record.webhook is not None:
            number = record.webhook_publications + 1
            await self._publish(WEBHOOKS, receiver_token(record), record, number)

    async def _publish(self, kind: str, token: str, record: JobRecord, number: int) -> None:
        with suppress(EngineUnavailable, DatabaseUnavailable):
            place = await self._engine.publish(kind, token, job=record.id, number=number)
            await self._store.published(record.id, kind=kind, number=number, place=place)


def account_token(account: str) -> str:
    """Return the token of an account's jobs; NATS takes no name of any form, and learns none."""
    return _digest(account)


def receiver_token(record: JobRecord) -> str:
    """Return the token of the receiver of a webhook: a host that an account has named.

    Accounts that share a host do not wait for each other's retries.
    """
    url = parse_url(record.webhook or "")
    return _digest(f"{record.account}\n{url.host}:{url.port}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
