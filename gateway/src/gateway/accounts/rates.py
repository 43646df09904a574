"""Rate limits for each key and for each account, counted in memory or in Redis.

The fields `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers-10.

Limit: a window slides by weighing the last window's count, so at its edge a caller may get a little
more or less than the limit says; memory stays two numbers for each caller and limit.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.accounts.keys import ApiKey
from gateway.problems import Problem

MEMORY: Final = "memory://"

_REDIS_TIMEOUT_S = 1.0  # Redis answers in a millisecond, or something is wrong with it

_Kind = Literal["key", "account"]


def parse_rates(text: str) -> tuple[RateLimitItem, ...]:
    """Read limits such as `60/minute` or `5/second;1000/day`; empty text means none.

    Raises:
        ValueError: an entry is no limit.
    """
    return tuple(parse_many(text)) if text.strip() else ()


class RateLimits:
    """Counts requests and refuses those that are too many.

    Args:
        per_key: limits of each API key.
        per_account: limits of all keys of an account together.
        url: `memory://` for this process alone, or the URL of a Redis that replicas share.
    """

    def __init__(
        self, *, per_key: Sequence[RateLimitItem], per_account: Sequence[RateLimitItem], url: str
    ) -> None:
        limits: dict[_Kind, Sequence[RateLimitItem]] = {"key": per_key, "account": per_account}
        self._limits = [(kind, item) for kind, items in limits.items() for item in items]
        self._pool = None if url == MEMORY else _connections(url)
        self._store = MemoryStorage() if self._pool is None else _storage(url, self._pool)
        self._limiter = SlidingWindowCounterRateLimiter(self._store)
        policies = [
            f"{_name(*limit)};q={limit[1].amount};w={_seconds(limit[1])}" for limit in self._limits
        ]
        self._policy = ", ".join(policies)

    async def check(self, key: ApiKey) -> dict[str, str]:
        """Count a request and return the fields that tell its caller what is left.

        Raises:
            Problem: 429 rate_limited with Retry-After; 503 where Redis is away.
        """
        if not self._limits:
            return {}
        try:
            return await self._check({"key": key.id, "account": key.account})
        except StorageError as error:
            message = "the store of the rate limits is away; try again later"
            raise Problem(503, "unavailable", message) from error

    async def _check(self, names: dict[_Kind, str]) -> dict[str, str]:
        left = []
        refused = None
        for kind, item in self._limits:
            is_allowed = await self._limiter.hit(item, kind, names[kind])
            stats = await self._limiter.get_window_stats(item, kind, names[kind])
            wait_s = max(1, math.ceil(stats.reset_time - datetime.now(UTC).timestamp()))
            left.append(f"{_name(kind, item)};r={stats.remaining};t={wait_s}")
            if not is_allowed:
                refused = (f"{item} for this {kind}", wait_s)
                break
        headers = {"RateLimit-Policy": self._policy, "RateLimit": ", ".join(left)}
        if refused is None:
            return headers
        limit, wait_s = refused
        message = f"more than {limit}; try again in {wait_s} s"
        headers["Retry-After"] = str(wait_s)
        raise Problem(429, "rate_limited", message, headers=headers)

    async def is_available(self) -> bool:
        """Return whether requests can be counted."""
        return not self._limits or await self._store.check()

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._pool is not None:
            await self._pool.aclose()


def _connections(url: str) -> ConnectionPool:
    return ConnectionPool.from_url(
        url,
        socket_timeout=_REDIS_TIMEOUT_S,
        socket_connect_timeout=_REDIS_TIMEOUT_S,
        # A connection from before a restart of Redis is replaced once, without a wait.
        retry=Retry(NoBackoff(), 1),
    )


def _storage(url: str, pool: ConnectionPool) -> RedisStorage:
    return RedisStorage(
        url,
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="imagemesh",
        connection_pool=pool,  # type: ignore[arg-type]  # handed on to redis as it is
    )


def _seconds(item: RateLimitItem) -> int:
    return item.get_expiry()


def _name(kind: _Kind, item: RateLimitItem) -> str:
    """Return the policy's name as a structured field's string."""
    return f'"{kind}-{_seconds(item)}s"'
