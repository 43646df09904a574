"""API keys: how they look, how they are kept and how one is checked.

A key is `im_live_<id>_<secret>_<checksum>`: the prefix is for secret scanners, the id finds the
row, the secret has 190 bits, and the checksum rejects typing errors without a look-up. Only the
SHA-256 of the whole key is kept; the secret is random, so a slow hash would buy nothing.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database import KEYS
from gateway.problems import Problem

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 8
_SECRET_LENGTH = 32  # 32 * log2(62) = 190 bits
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32, so that it holds a CRC-32

# The parts of a key, as the module docstring draws them.
_KEY = re.compile(r"im_live_([A-Za-z0-9]{8})_[A-Za-z0-9]{32}_([A-Za-z0-9]{6})")

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known about a key; never the key itself.

    Attributes:
        id: the part that names it, 8 characters.
        account: who pays.
        created_at: UTC.
        expires_at: UTC, or None for never.
        revoked_at: UTC, or None while it is good.
    """

    id: str
    account: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def utc_now() -> datetime:
    """Return the time now, UTC without a zone as the database keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


def generate_key() -> str:
    """Return a new random key."""
    name = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    body = f"im_live_{name}_{secret}"
    return f"{body}_{_checksum(body)}"


def key_id(key: str) -> str | None:
    """Return the id inside `key`, None where its form or checksum is wrong."""
    match = _KEY.fullmatch(key)
    if match is None or _checksum(key.rpartition("_")[0]) != match[2]:
        return None
    return match[1]


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class KeyStore:
    """The keys in the database."""

    def __init__(self, engine: AsyncEngine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    async def create(self, account: str, *, expires_in: timedelta | None = None) -> str:
        """Add a key for `account` and return it; it cannot be read again."""
        key = generate_key()
        now = self._clock()
        row = {
            "id": key_id(key),
            "account": account,
            "digest": _digest(key),
            "created_at": now,
            "expires_at": now + expires_in if expires_in else None,
        }
        async with self._engine.begin() as connection:
            await connection.execute(insert(KEYS).values(row))
        return key

    async def list_keys(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id))
        return [_api_key(row) for row in rows]

    async def revoke(self, name: str) -> bool:
        """Revoke the key with that id from now on; return False where there is no live one."""
        revoked = (
            update(KEYS)
            .where(KEYS.c.id == name, KEYS.c.revoked_at.is_(None))
            .values(revoked_at=self._clock())
        )
        async with self._engine.begin() as connection:
            result = await connection.execute(revoked)
        return result.rowcount == 1

    async def ping(self) -> None:
        """Raise SQLAlchemyError where the database cannot be read."""
        async with self._engine.connect() as connection:
            await connection.execute(select(KEYS.c.id).limit(1))

    async def check(self, key: str | None) -> ApiKey:
        """Return what is known about `key`.

        Raises:
            Problem: 401; the same for an unknown, a revoked and an expired key.
        """
        if not key:
            raise Problem(401, "missing_api_key", "send your API key in the header X-API-Key")
        found = await self._find(key)
        if found is None:
            raise Problem(401, "invalid_api_key", "the API key is wrong, expired or revoked")
        return found

    async def _find(self, key: str) -> ApiKey | None:
        name = key_id(key)
        if name is None:
            return None
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(KEYS).where(KEYS.c.id == name))).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, _digest(key)):
            return None
        found = _api_key(row)
        is_expired = found.expires_at is not None and found.expires_at <= self._clock()
        return None if is_expired or found.revoked_at is not None else found


def _api_key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(row.id, row.account, row.created_at, row.expires_at, row.revoked_at)
