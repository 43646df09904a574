"""The time as the gateway's database keeps it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time now, UTC without a zone as the database keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
