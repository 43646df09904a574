"""A clock for tests."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Hands:
    """A clock whose hands the test moves; UTC without a zone, as the database keeps it."""

    now: datetime = datetime(2026, 1, 1)  # noqa: DTZ001 - see the class

    def __call__(self) -> datetime:
        """Return the time that they show."""
        return self.now
