"""Webhooks: jobs that have ended are posted to the URL that their caller gave, signed.

Source: the Standard Webhooks specification 1.0.0 for headers, signature and secrets.
"""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver

from gateway.database.engine import DatabaseUnavailable
from gateway.fetching.addresses import Network
from gateway.fetching.dialling import (
    DialGuard,
    ForbiddenAddressError,
    ForbiddenPortError,
    PooledResolver,
    guarded_connector,
)
from gateway.fetching.urls import parse_url
from gateway.jobs.answers import job_answer
from gateway.jobs.store import DELIVERED, PENDING, JobRecord, JobStore
from gateway.periodic import PeriodicTasks
from gateway.problems import Problem
from servicekit.logs import get_logger

MAX_ATTEMPTS: Final = 6
_BACK_OFF = 4  # each wait is so many times the one before: 5 s, 20 s, 80 s, 5 min, 21 min

_TIMEOUT_S = 10.0  # of one delivery
_AT_ONCE = 16  # deliveries
_LEASE = timedelta(minutes=1)  # a delivery that takes longer died with its gateway
_LOOK_EVERY_S = 30.0  # for what other gateways left behind

_FAILED: Final = "failed"
_GONE = 410  # the receiver wants no more
_FORBIDDEN = 0  # stands for a status where the guard let nothing be dialled

_log = get_logger("webhooks")


class Webhooks:
    """Sends webhooks; made inside the event loop that uses it.

    Args:
        store: knows which are due.
        secret: what the secrets of accounts are made of; empty switches webhooks off.
        allow: networks of the operator that are exempt from the guard, with all their ports.
        retry_s: wait after the first delivery that failed, in seconds.
        resolver: looks names up; the system's when left out.
    """

    def __init__(
        self,
        store: JobStore,
        *,
        secret: str,
        allow: Sequence[Network] = (),
        retry_s: float,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._store = store
        self._secret = secret
        self._retry_s = retry_s
        self._guard = DialGuard(tuple(allow))
        self._resolver = resolver or PooledResolver(threads=4, max_lookups=32, timeout_s=5.0)
        self._session = _open_session(self._guard, self._resolver)
        self.due = asyncio.Event()

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

    def wake(self) -> None:
        """Look now for what is due."""
        self.due.set()

    async def deliver_due(self) -> float:
        """Send what is due and return how long nothing will be, in seconds."""
        while jobs := await self._store.claim_webhooks(limit=_AT_ONCE, lease=_LEASE):
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(self._deliver(job))
        next_s = await self._store.seconds_to_webhook()
        return _LOOK_EVERY_S if next_s is None else min(next_s, _LOOK_EVERY_S)

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

    async def _deliver(self, job: JobRecord) -> None:
        status = await self._post(job)
        attempt = job.webhook_attempts + 1
        is_delivered = status is not None and status // 100 == 2  # noqa: PLR2004 - 2xx
        if is_delivered:
            await self._note(job, DELIVERED, retry_in=None)
        elif status in {_GONE, _FORBIDDEN} or attempt >= MAX_ATTEMPTS:
            await self._note(job, _FAILED, retry_in=None)
        else:
            wait_s = self._retry_s * _BACK_OFF ** (attempt - 1)
            await self._note(job, PENDING, retry_in=timedelta(seconds=wait_s))
        _log.info("webhook sent", job=job.id, attempt=attempt, status=status)

    async def _note(self, job: JobRecord, status: str, *, retry_in: timedelta | None) -> None:
        try:
            await self._store.note_webhook(job.id, status=status, retry_in=retry_in)
        except DatabaseUnavailable:
            _log.warning("webhook is sent again when its lease is over", job=job.id)

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
        timestamp = str(int(datetime.now(UTC).timestamp()))
        signed = f"{job.id}.{timestamp}.".encode() + body
        signature = hmac.digest(self._key_of(job.account), signed, hashlib.sha256)
        return {
            "Content-Type": "application/json",
            "Webhook-Id": job.id,
            "Webhook-Timestamp": timestamp,
            "Webhook-Signature": "v1," + b64encode(signature).decode(),
        }


def _open_session(guard: DialGuard, resolver: AbstractResolver) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=guarded_connector(guard, resolver, limit=_AT_ONCE, limit_per_host=4),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={aiohttp.hdrs.USER_AGENT: "imagemesh"},
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
        auto_decompress=False,
        trust_env=False,
    )


@asynccontextmanager
async def sending(webhooks: Webhooks, tasks: PeriodicTasks) -> AsyncIterator[Webhooks]:
    """Deliver until the end, and close."""
    delivery = {"webhooks": webhooks.deliver_due} if webhooks.is_on else {}
    try:
        async with tasks.repeating(delivery, every_s=_LOOK_EVERY_S, wake=webhooks.due):
            yield webhooks
    finally:
        await webhooks.close()
