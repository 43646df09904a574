"""Clock of the gateway's database: every gateway that shares one tells the same time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define, field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.engine import transaction

Clock = Callable[[], datetime]  # gives the time now, UTC without a zone

_NOW: Final = {
    "sqlite": text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"),
    "postgresql": text("SELECT clock_timestamp() AT TIME ZONE 'UTC'"),
}


def utc_now() -> datetime:
    """Return the time of this host, UTC without a zone as the database keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


@define(eq=False)
class DatabaseClock:
    """Time of the database, by the host's clock and its distance from the database's.

    Claims and expiries are compared across gateways, and clocks of hosts differ.
    Asking the database for each of them would cost a round trip, so the distance is measured from
    time to time. Its error is at most half a round trip.
    """

    _engine: AsyncEngine
    _host: Clock = utc_now
    _ahead: timedelta = field(factory=timedelta, init=False)

    def __call__(self) -> datetime:
        """Return the time now, UTC without a zone."""
        return self._host() + self._ahead

    async def synchronize(self) -> None:
        """Measure how far the database's clock is ahead of the host's.

        Raises:
            DatabaseUnavailable: the distance stays as it was.
        """
        async with transaction(self._engine) as connection:
            sent_at = self._host()
            told = await connection.scalar(_NOW[connection.dialect.name])
            middle = sent_at + (self._host() - sent_at) / 2
        there = datetime.fromisoformat(told) if isinstance(told, str) else told
        self._ahead = there - middle
