"""Limits of the connections of callers, and the count of those that are open."""

import resource
from collections import Counter
from dataclasses import dataclass
from time import monotonic
from typing import Final

from servicekit.logs import get_logger
from servicekit.telemetry import HttpMetrics

# Descriptors for all but connections of callers: database, services, fetches, webhooks, files.
_SPARE_DESCRIPTORS: Final = 128

_LOG_EVERY_S: Final = 10.0  # one line for a flood, and not one for each of its connections

_MAX_LINGERING: Final = 32  # refused connections whose callers may still read the refusal

_log = get_logger("connections")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of the connections of callers."""

    total: int  # open at once
    per_address: int  # open at once from one address
    header_bytes: int = 64 * 1024  # of one request: its first line and its headers
    header_lines: int = 100  # headers of one request, trailers included
    header_s: float = 10.0  # time for the headers of a request to arrive, in seconds
    send_s: float = 60.0  # time in which a caller must read something of its answer, in seconds


class OpenConnections:
    """Counts open connections, in all and by address.

    Args:
        limits: bounds of the connections.
        metrics: gauge of open connections and counter of refused ones.
    """

    def __init__(self, limits: ConnectionLimits, metrics: HttpMetrics) -> None:
        self.limits = limits
        self._metrics = metrics
        self._by_address: Counter[str] = Counter()
        self._lingering = 0
        self._refused = 0
        self._logged_s = -_LOG_EVERY_S

    def admit(self, address: str) -> bool:
        """Count a connection and return True, or return False where a limit is reached."""
        is_full = self._by_address.total() >= self.limits.total
        if is_full or self._by_address[address] >= self.limits.per_address:
            self._count_refused("all" if is_full else "address")
            return False
        self._by_address[address] += 1
        self._metrics.connections.set(self._by_address.total())
        return True

    def leave(self, address: str) -> None:
        """Uncount a connection that was admitted."""
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        self._metrics.connections.set(self._by_address.total())

    def linger(self) -> bool:
        """Count a refused connection that stays open for a moment; return False for too many."""
        if self._lingering >= _MAX_LINGERING:
            return False
        self._lingering += 1
        return True

    def stop_lingering(self) -> None:
        """Uncount a refused connection that `linger` counted."""
        self._lingering -= 1

    def _count_refused(self, limit: str) -> None:
        self._metrics.connections_refused.labels(limit).inc()
        self._refused += 1
        now_s = monotonic()
        if now_s - self._logged_s >= _LOG_EVERY_S:
            _log.warning(
                "connections refused",
                count=self._refused,
                limit=limit,
                total=self.limits.total,
                per_address=self.limits.per_address,
            )
            self._refused, self._logged_s = 0, now_s


def fit_descriptors(total: int) -> int:
    """Raise the process's limit of descriptors for `total` connections; return how many fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = total + _SPARE_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return total
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    fitting = max(1, limit - _SPARE_DESCRIPTORS)
    if fitting < total:
        _log.warning("descriptors limited", connections=fitting, wanted=total)
    return fitting
