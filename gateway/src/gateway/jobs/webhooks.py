"""Webhooks: jobs that have ended are posted to the URL that their caller gave, signed.

Source: the Standard Webhooks specification 1.0.0 for headers, signature and secrets.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from time import monotonic
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from standardwebhooks import Webhook

from contract.jobs import WebhookAttempt
from gateway.database.engine import DatabaseUnavailable
from gateway.fetching.addresses import Network
from gateway.fetching.dialling import (
    DialGuard,
    ForbiddenAddressError,
    ForbiddenPortError,
    PooledResolver,
    guarded_session,
)
from gateway.fetching.urls import parse_url
from gateway.jobs.answers import job_answer
from gateway.jobs.engine import WEBHOOKS, Delivery
from gateway.jobs.records import DELIVERED, GIVEN_UP, PENDING, JobRecord
from gateway.jobs.store import JobStore
from gateway.problems import Problem
from servicekit.logs import get_logger
from servicekit.telemetry import JobMetrics

MAX_ATTEMPTS: Final = 6
_BACK_OFF = 4  # each wait is so many times the one before: 5 s, 20 s, 80 s, 5 min, 21 min

_TIMEOUT_S = 10.0  # of one delivery
# At once, and of these to one receiver: one that hangs holds no more for `_TIMEOUT_S` each.
DELIVERIES = (64, 4)

_GONE = 410  # the receiver wants no more
_FORBIDDEN = 0  # stands for a status where the guard let nothing be dialled

_log = get_logger("webhooks")


class Webhooks:
    """Sends webhooks; made inside the event loop that uses it.

    Args:
        store: keeps which are to be sent.
        secret: what the secrets of accounts are made of; empty switches webhooks off.
        metrics: of jobs.
        allow: networks of the operator that are exempt from the guard, with all their ports.
        retry_s: wait after the first delivery that failed, in seconds.
        resolver: looks names up; the system's when left out.
    """

    def __init__(
        self,
        store: JobStore,
        *,
        secret: str,
        metrics: JobMetrics,
        allow: Sequence[Network] = (),
        retry_s: float,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._store = store
        self._secret = secret
        self._metrics = metrics
        self._retry_s = retry_s
        self._guard = DialGuard(tuple(allow))
        self._resolver = resolver or PooledResolver(threads=4, max_lookups=32, timeout_s=5.0)
        self._session = guarded_session(
            self._guard,
            self._resolver,
            limit=DELIVERIES[0],
            limit_per_host=0,
            headers={},
            timeout_s=_TIMEOUT_S,
        )

    @property
    def is_on(self) -> bool:
        """True where there is a secret to sign webhooks with."""
        return bool(self._secret)

    def check(self, url: str) -> None:
        """Refuse what would never be sent; a name is judged when it is dialled.

        Raises:
            Problem: 400.
        """
        self._check_on()
        parsed = parse_url(url)
        try:
            ip_address(parsed.host or "")
        except ValueError:
            return
        try:
            self._guard.check(parsed.host or "", parsed.port or 0)
        except (ForbiddenAddressError, ForbiddenPortError) as error:
            message = "the webhook has an address or a port that nothing is sent to"
            raise Problem(400, "forbidden_url", message) from error

    def secret_of(self, account: str) -> str:
        """Return what the webhooks of `account` are signed with.

        Raises:
            Problem: 400, this gateway sends none.
        """
        self._check_on()
        return "whsec_" + b64encode(self._key_of(account)).decode()

    async def handle(self, delivery: Delivery) -> float | None:
        """Send a webhook; return after how many seconds it is tried again, None for never."""
        if delivery.is_again:
            self._metrics.redeliveries.labels(WEBHOOKS).inc()
        try:
            job = await self._store.webhook_of(delivery.id)
            return None if job is None else await self._deliver(job)
        except DatabaseUnavailable:
            _log.warning("webhook delivery not noted; it is sent again", job=delivery.id)
            return self._retry_s

    async def close(self) -> None:
        """Close every connection and the resolver."""
        await self._session.close()
        await self._resolver.close()

    def _check_on(self) -> None:
        if not self._secret:
            message = "this gateway sends no webhooks; leave 'webhook' out and ask for the job"
            raise Problem(400, "invalid_parameter", message)

    def _key_of(self, account: str) -> bytes:
        # Accounts that shared a secret could forge each other's webhooks.
        return hmac.digest(self._secret.encode(), b"webhook:" + account.encode(), hashlib.sha256)

    async def _deliver(self, job: JobRecord) -> float | None:
        """Send a webhook, note how that went, and return when it is sent again."""
        at, started_s = datetime.now(UTC), monotonic()
        status = await self._post(job)
        number = job.webhook_attempts + 1
        outcome = _outcome(status, number)
        attempt = WebhookAttempt(at, status or None, round(monotonic() - started_s, 3))
        await self._store.note_webhook(job, status=outcome, attempt=attempt)
        self._metrics.webhooks.labels(outcome).inc()
        _log.info("webhook sent", job=job.id, attempt=number, status=status)
        return self._retry_s * _BACK_OFF ** (number - 1) if outcome == PENDING else None

    async def _post(self, job: JobRecord) -> int | None:
        """Post the job and return the HTTP status, None where there was none."""
        body = msgspec.json.encode(job_answer(job))
        headers = self._headers(job, body)
        try:
            # Not a redirect: it would be signed for one receiver and read by another.
            async with self._session.post(
                parse_url(job.webhook or ""), data=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status
        except (aiohttp.ClientError, OSError, Problem) as error:
            is_forbidden = isinstance(error.__cause__, (ForbiddenAddressError, ForbiddenPortError))
            return _FORBIDDEN if is_forbidden else None

    def _headers(self, job: JobRecord, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        return {
            "Content-Type": "application/json",
            "Webhook-Id": job.id,
            "Webhook-Timestamp": str(int(now.timestamp())),
            "Webhook-Signature": Webhook(self._key_of(job.account)).sign(
                job.id, now, body.decode()
            ),
        }


def _outcome(status: int | None, number: int) -> str:
    """Return the state of a webhook after its delivery of that number."""
    if status is not None and status // 100 == 2:  # noqa: PLR2004 - 2xx
        return DELIVERED
    return GIVEN_UP if status in {_GONE, _FORBIDDEN} or number >= MAX_ATTEMPTS else PENDING
