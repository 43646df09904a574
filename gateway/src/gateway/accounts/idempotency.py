"""Answers kept by `Idempotency-Key`, so that a repeated request is neither worked nor paid twice.

The first request with a key claims it with one conditional statement. A claim ends when the answer
is kept, when the request fails or keeps no answer, or when the process died and the claim's time is
over. The answer of a job is kept with the job, and deleted when the job is cancelled or given up.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import msgspec
from attrs import define, field
from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.responses import Response

from gateway.accounts.kept_urls import without_queries
from gateway.accounts.ledger import Charge
from gateway.accounts.storage import UNLIMITED, Storage
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import DatabaseUnavailable, transaction, upsert
from gateway.database.tables import IDEMPOTENT, MAX_IDEMPOTENCY_KEY_CHARACTERS
from gateway.periodic import uncut
from gateway.problems import Problem
from servicekit.logs import get_logger

KEPT_FOR = timedelta(hours=24)

_KEPT_HEADERS = ("Location", "Preference-Applied")  # those that an answer itself sets

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")

_log = get_logger("idempotency")


class NoClaim:
    """Claim of a request without an Idempotency-Key; it keeps nothing."""

    token: None = None
    answer: None = None

    async def keep(self, answer: Response, charge: Charge | None = None) -> None:
        """Keep nothing, and leave the charge open."""

    async def keep_in(self, connection: AsyncConnection, answer: Response) -> None:
        """Keep nothing."""


@define(eq=False)
class KeyClaim:
    """Right of a request to keep the answer by its Idempotency-Key."""

    _answers: "IdempotentAnswers"
    account: str
    key: str
    token: str = field(factory=partial(secrets.token_hex, 16), init=False)
    is_kept: bool = field(default=False, init=False)
    answer: Response | None = field(default=None, init=False)  # of an earlier request

    async def keep(self, answer: Response, charge: Charge | None = None) -> None:
        """Keep the answer and settle its charge: both, or none where the caller hangs up."""
        await uncut(self._answers.keep(self, answer, charge))
        self.is_kept = True

    async def keep_in(self, connection: AsyncConnection, answer: Response) -> None:
        """Keep the answer as a part of the connection's transaction."""
        await self._answers.keep_in(connection, self, answer)
        self.is_kept = True


Claim: TypeAlias = KeyClaim | NoClaim


@define(eq=False)
class IdempotentAnswers:
    """The kept answers in the database."""

    _engine: AsyncEngine
    _claim_for: timedelta  # then a claim is over; longer than any request
    _clock: Clock = utc_now
    _storage: Storage = UNLIMITED

    @asynccontextmanager
    async def claiming(
        self, account: str, *, key: str | None, fingerprint: str
    ) -> AsyncIterator[Claim]:
        """Claim a key for the work of a request, which ends with the context.

        Args:
            account: whose keys these are.
            key: the header `Idempotency-Key`; None claims nothing.
            fingerprint: what the request asks for, as `fingerprint_of` makes it.

        Raises:
            Problem: 400 invalid_idempotency_key, 409 request_in_progress,
                422 idempotency_key_reused, 503.
        """
        if key is None:
            yield NoClaim()
            return
        check_idempotency_key(key)
        claim = KeyClaim(self, account, key)
        claim.answer = await self._claim_or_release(claim, fingerprint)
        try:
            yield claim
        except BaseException:
            await uncut(self._release(claim))
            raise
        if not claim.is_kept and claim.answer is None:
            await uncut(self._release(claim))

    async def sweep(self) -> None:
        """Forget what has expired."""
        old = delete(IDEMPOTENT).where(IDEMPOTENT.c.expires_at <= self._clock())
        async with transaction(self._engine) as connection:
            await connection.execute(old)

    async def _claim_or_release(self, claim: KeyClaim, fingerprint: str) -> Response | None:
        """Claim the key as `_claim` does, and not for a caller who hangs up meanwhile."""
        try:
            return await uncut(self._claim(claim, fingerprint))
        except asyncio.CancelledError:
            await uncut(self._release(claim))
            raise

    async def _claim(self, claim: KeyClaim, fingerprint: str) -> Response | None:
        """Claim the key and return None, or return the answer that is kept by it."""
        now = self._clock()
        row = {
            "fingerprint": fingerprint,
            "token": claim.token,
            "status": None,
            "body": None,
            "headers": None,
            "expires_at": now + self._claim_for,
        }
        async with transaction(self._engine) as connection:
            new = upsert(connection, IDEMPOTENT)
            claimed = await connection.execute(
                new.values(account=claim.account, key=claim.key, **row)
                .on_conflict_do_update(
                    index_elements=["account", "key"],
                    set_=row,
                    where=IDEMPOTENT.c.expires_at <= now,
                )
                .returning(IDEMPOTENT.c.token)
            )
            if claimed.one_or_none() is not None:
                return None
            found = await connection.execute(select(IDEMPOTENT).where(_row_of(claim)))
            kept = found.one_or_none()
        if kept is None or (kept.fingerprint == fingerprint and kept.status is None):
            message = "a request with this Idempotency-Key is still running; try again later"
            raise Problem(409, "request_in_progress", message, headers={"Retry-After": "1"})
        if kept.fingerprint != fingerprint:
            message = "this Idempotency-Key was used for another request; take a new one"
            raise Problem(422, "idempotency_key_reused", message)
        headers = {**msgspec.json.decode(kept.headers), "Idempotency-Replayed": "true"}
        return Response(kept.body, kept.status, headers, media_type="application/json")

    async def keep(self, claim: KeyClaim, answer: Response, charge: Charge | None) -> None:
        """Keep the answer of the request with this claim, and settle its charge."""
        async with transaction(self._engine) as connection:
            await self.keep_in(connection, claim, answer)
            if charge is not None:
                await charge.settle(connection)
        if charge is not None:
            charge.close()

    async def keep_in(self, connection: AsyncConnection, claim: KeyClaim, answer: Response) -> None:
        """Keep the answer of the request with this claim in the connection's transaction."""
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        body = without_queries(bytes(answer.body))
        kept = (
            update(IDEMPOTENT)
            .where(_row_of(claim), IDEMPOTENT.c.token == claim.token)
            .values(
                status=answer.status_code,
                body=body,
                headers=msgspec.json.encode(headers).decode(),
                expires_at=self._clock() + KEPT_FOR,
            )
        )
        await self._storage.check(connection, claim.account, size_bytes=len(body))
        await connection.execute(kept)

    async def _release(self, claim: KeyClaim) -> None:
        """Free the key, unless an answer is kept by it."""
        mine = delete(IDEMPOTENT).where(
            _row_of(claim), IDEMPOTENT.c.token == claim.token, IDEMPOTENT.c.status.is_(None)
        )
        try:
            async with transaction(self._engine) as connection:
                await connection.execute(mine)
        except DatabaseUnavailable:
            _log.warning("claim stays until its time is over")


def fingerprint_of(path: str, *parts: bytes, scopes: Collection[str] | None = None) -> str:
    """Return a digest of what a request asks for: its path and its parsed body in one form.

    The scopes of the key belong to it, so that no key gets the answers of one that may ask more.
    """
    digest = hashlib.sha256(path.encode())
    held = b"*" if scopes is None else ",".join(sorted(scopes)).encode()
    for part in (held, *parts):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


def order_of(account: str, key: str | None, fingerprint: str) -> str | None:
    """Return a digest that names a request and its repetitions, None where it has no key."""
    if key is None:
        return None
    parts = (account.encode(), key.encode("latin-1", "replace"), fingerprint.encode())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def check_idempotency_key(key: str) -> None:
    """Raise a Problem, 400, for a key that is none."""
    if len(key) > MAX_IDEMPOTENCY_KEY_CHARACTERS or not _VISIBLE_ASCII.fullmatch(key):
        limit = MAX_IDEMPOTENCY_KEY_CHARACTERS
        message = f"the Idempotency-Key must be 1 to {limit} visible ASCII characters"
        raise Problem(400, "invalid_idempotency_key", message)


def _row_of(claim: KeyClaim) -> ColumnElement[bool]:
    return and_(IDEMPOTENT.c.account == claim.account, IDEMPOTENT.c.key == claim.key)
