"""The trace of the request that is being answered, for whoever does a part of the work."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

# Small numbers and names of bounded sets: no picture, no text, no URL and no key.
Attributes = Mapping[str, str | int]


class RequestTrace(Protocol):
    """One request, as its trace shows it."""

    @property
    def traceparent(self) -> str:
        """Header that lets the trace go on elsewhere, or later (W3C Trace Context)."""
        ...

    def describe(self, name: str, attributes: Attributes, *, has_failed: bool = False) -> None:
        """Say what the request was and how it ended, once that is known."""

    def add_step(self, name: str, *, began_s: float, attributes: Attributes) -> None:
        """Add a part of the work, which began then on the monotonic clock and ends now."""


_current: ContextVar[RequestTrace | None] = ContextVar("trace", default=None)


def current_trace() -> RequestTrace | None:
    """Return the trace of the request that this is done for, None where it has none."""
    return _current.get()


@contextmanager
def following(trace: RequestTrace) -> Iterator[None]:
    """Make `trace` the current one."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)
