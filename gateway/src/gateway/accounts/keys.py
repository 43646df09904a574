"""API keys in the database: how they are made, listed, ended and checked.

Only a digest of a key is kept, beside the id that finds its row.
"""

import asyncio
import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from attrs import define, field
from sqlalchemy import bindparam, insert, literal, or_, select, tuple_, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from contract.endpoints.nudity import POLICY_PATTERN
from gateway.accounts.accounts import add_account
from gateway.accounts.key_format import generate_key, key_digest, key_id
from gateway.accounts.scopes import check_scopes
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import check_writable, transaction
from gateway.database.tables import KEYS
from gateway.problems import Problem
from servicekit.turns import CALLER

GRACE = timedelta(days=1)  # how long a key lives on that is replaced, unless somebody says

_MAX_DAYS = 36_500  # a century: dates stay in the range that every database has
_MOST_CACHED = 10_000  # keys that were just checked, a few hundred bytes each
_MOST_UNKNOWN = 10_000  # digests of keys that were just looked up in vain, 100 bytes each
_UNKNOWN_FOR = timedelta(seconds=5)
_USE_WRITTEN_EVERY = timedelta(minutes=1)

_POLICY = re.compile(POLICY_PATTERN)

_MISSING = "send your API key in the header X-API-Key, or as Authorization: Bearer KEY"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Record of a key, never the key itself; its times are UTC."""

    id: str  # the part that names it, 8 characters
    account: str
    created_at: datetime
    expires_at: datetime | None  # None for never
    revoked_at: datetime | None  # None while it is good
    scopes: tuple[str, ...] | None  # that it has; None is all
    last_used_at: datetime | None  # to the minute
    # Thresholds of nudity, None for the default; jobs of older releases are stored without it.
    policy: str | None = None

    def check_scope(self, name: str) -> None:
        """Raise Problem 403 where the key has no scope of that name."""
        if self.scopes is not None and name not in self.scopes:
            held = ", ".join(self.scopes)
            message = f"this API key has no scope {name!r}, only {held}; use a key that has it"
            raise Problem(403, "scope_missing", message)


@define(eq=False)
class KeyStore:
    """The keys in the database."""

    _engine: AsyncEngine
    _clock: Clock = utc_now
    # A key that was good; a revoked one may live on for that time.
    _cache_for: timedelta = timedelta()
    # By digest, oldest first: keys, and times of look-ups in vain.
    _checked: dict[str, tuple[ApiKey, datetime]] = field(factory=dict, init=False)
    _unknown: dict[str, datetime] = field(factory=dict, init=False)
    _used: dict[str, datetime] = field(factory=dict, init=False)
    _lookups: dict[str, asyncio.Task[ApiKey | None]] = field(factory=dict, init=False)

    async def create(
        self,
        account: str,
        *,
        expires_in: timedelta | None = None,
        scopes: Sequence[str] | None = None,
        policy: str | None = None,
    ) -> str:
        """Add a key for `account`, made where missing, and return it; it cannot be read again.

        Raises:
            ValueError: there is no such scope, or the policy has no name of one.
        """
        if policy is not None:
            check_policy(policy)
        now = self._clock()
        expires_at = now + expires_in if expires_in else None
        return await self._add(account, expires_at=expires_at, scopes=scopes, policy=policy)

    async def rotate(self, name: str, *, grace: timedelta) -> str | None:
        """Add a key like the live one with that id, which expires after `grace`; return the new.

        Returns:
            None where there is no live key with that id.
        """
        now = self._clock()
        async with transaction(self._engine) as connection:
            row = (await connection.execute(select(KEYS).where(KEYS.c.id == name))).one_or_none()
        old = _api_key(row) if row is not None else None
        if old is None or not _is_live(old, now):
            return None
        key = await self._add(
            old.account, expires_at=old.expires_at, scopes=old.scopes, policy=old.policy
        )
        end = (
            update(KEYS)
            .where(KEYS.c.id == name)
            .where(or_(KEYS.c.expires_at.is_(None), KEYS.c.expires_at > now + grace))
            .values(expires_at=now + grace)
        )
        async with transaction(self._engine) as connection:
            await connection.execute(end)
        return key

    async def _add(
        self,
        account: str,
        *,
        expires_at: datetime | None,
        scopes: Sequence[str] | None,
        policy: str | None,
    ) -> str:
        check_scopes(scopes or ())
        key = generate_key()
        now = self._clock()
        row = {
            "id": key_id(key),
            "account": account,
            "digest": key_digest(key),
            "created_at": now,
            "expires_at": expires_at,
            "scopes": None if scopes is None else ",".join(scopes),
            "policy": policy,
        }
        async with transaction(self._engine) as connection:
            await add_account(connection, account, created_at=now)
            await connection.execute(insert(KEYS).values(row))
        return key

    async def list_keys(
        self, *, after: str | None = None, limit: int | None = None
    ) -> list[ApiKey]:
        """Return keys, oldest first: all, or at most `limit` of those behind the id `after`.

        Raises:
            ValueError: there is no key with the id `after`.
        """
        listing = select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id).limit(limit)
        async with transaction(self._engine) as connection:
            if after is not None:
                age = select(KEYS.c.created_at).where(KEYS.c.id == after)
                created_at = await connection.scalar(age)
                if created_at is None:
                    raise ValueError(f"there is no key with the id {after}")
                last = tuple_(literal(created_at), literal(after))
                listing = listing.where(tuple_(KEYS.c.created_at, KEYS.c.id) > last)
            return [_api_key(row) for row in await connection.execute(listing)]

    async def revoke(self, name: str) -> bool:
        """Revoke the key with that id from now on; return False where there is no live one."""
        revoked = (
            update(KEYS)
            .where(KEYS.c.id == name, KEYS.c.revoked_at.is_(None))
            .values(revoked_at=self._clock())
        )
        async with transaction(self._engine) as connection:
            result = await connection.execute(revoked)
        self._checked.clear()
        return result.rowcount == 1

    async def write_uses(self) -> None:
        """Write down when keys were used last, for each at most once a minute."""
        used, self._used = self._used, {}
        if not used:
            return
        last = bindparam("at", type_=KEYS.c.last_used_at.type)
        before = bindparam("before", type_=KEYS.c.last_used_at.type)
        note = (
            update(KEYS)
            .where(KEYS.c.id == bindparam("name"))
            .where(or_(KEYS.c.last_used_at.is_(None), KEYS.c.last_used_at <= before))
            .values(last_used_at=last)
        )
        rows = [
            {"name": name, "at": at, "before": at - _USE_WRITTEN_EVERY}
            for name, at in sorted(used.items())
        ]
        try:
            async with transaction(self._engine) as connection:
                await connection.execute(note, rows)
        except BaseException:
            self._used = used | self._used
            raise

    async def ping(self) -> None:
        """Raise DatabaseUnavailable where the database cannot be read and written."""
        await check_writable(self._engine)

    async def check(self, key: str | None) -> ApiKey:
        """Return what is known about `key`.

        Raises:
            Problem: 401; the same for an unknown, a revoked and an expired key. 503.
        """
        if not key:
            raise Problem(401, "missing_api_key", _MISSING)
        now = self._clock()
        found = await self._find(key, now)
        if found is None or not _is_live(found, now):
            raise Problem(401, "invalid_api_key", "the API key is wrong, expired or revoked")
        self._used[found.id] = now
        return found

    async def _find(self, key: str, now: datetime) -> ApiKey | None:
        digest = key_digest(key)
        cached, cached_at = self._checked.get(digest, (None, now))
        if cached is not None and cached_at <= now < cached_at + self._cache_for:
            return cached
        name = key_id(key)
        if name is None or self._is_unknown(digest, now):
            return None
        lookup = self._lookups.get(digest)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(digest, name, now))
            self._lookups[digest] = lookup
            lookup.add_done_callback(partial(self._end_lookup, digest))
        return await asyncio.shield(lookup)

    async def _look_up(self, digest: str, name: str, now: datetime) -> ApiKey | None:
        """Ask the database for all requests that come with this key meanwhile."""
        CALLER.set(name)  # so that keys take turns; the account is not known yet
        async with transaction(self._engine) as connection:
            row = (await connection.execute(select(KEYS).where(KEYS.c.id == name))).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, digest):
            self._remember_unknown(digest, now)
            return None
        found = _api_key(row)
        self._remember(digest, found, now)
        return found

    def _end_lookup(self, digest: str, lookup: asyncio.Task[ApiKey | None]) -> None:
        del self._lookups[digest]
        if not lookup.cancelled():
            lookup.exception()  # marks it as retrieved, for callers that are gone

    def _is_unknown(self, digest: str, now: datetime) -> bool:
        """Tell whether the key was looked up in vain a moment ago: a flood of it asks once."""
        looked_up_at = self._unknown.get(digest)
        return looked_up_at is not None and looked_up_at <= now < looked_up_at + _UNKNOWN_FOR

    def _remember_unknown(self, digest: str, now: datetime) -> None:
        self._unknown.pop(digest, None)
        if len(self._unknown) >= _MOST_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[digest] = now

    def _remember(self, digest: str, found: ApiKey, now: datetime) -> None:
        self._checked.pop(digest, None)
        if len(self._checked) >= _MOST_CACHED:
            del self._checked[next(iter(self._checked))]
        self._checked[digest] = (found, now)


def authorize(key: ApiKey | None, name: str, *, off: Collection[str]) -> None:
    """Let pass a key, or an internal caller without one, that may ask the endpoint of that name.

    Raises:
        Problem: 403, the endpoint is switched off, or the key is limited to others.
    """
    if name in off:
        raise Problem(403, "endpoint_off", f"whoever runs this mesh has switched {name} off")
    if key is not None:
        key.check_scope(name)


def lifetime(days: float) -> timedelta:
    """Return how long a key of so many days lives.

    Raises:
        ValueError: that is no time, or none that a database can keep.
    """
    if not 0 < days <= _MAX_DAYS:
        raise ValueError(f"{days:g} days are not above 0 and at most {_MAX_DAYS}")
    return timedelta(days=days)


def check_policy(name: str) -> None:
    """Raise ValueError where that is no name of a nudity policy; the vision service has them."""
    if _POLICY.fullmatch(name) is None:
        raise ValueError(f"{name[:50]!r} is no name of a policy, such as strict")


def _is_live(key: ApiKey, now: datetime) -> bool:
    is_expired = key.expires_at is not None and key.expires_at <= now
    return not is_expired and key.revoked_at is None


def _api_key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        row.id,
        row.account,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        None if row.scopes is None else tuple(row.scopes.split(",")),
        row.last_used_at,
        row.policy,
    )
