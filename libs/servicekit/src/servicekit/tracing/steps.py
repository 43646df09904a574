"""Steps of the request that is being answered, for its trace."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

# Small numbers and names of bounded sets: no image, no text, no URL and no key.
Attributes = Mapping[str, str | int]


class RequestTrace(Protocol):
    """Trace of one request."""

    @property
    def traceparent(self) -> str:
        """Header that lets the trace go on elsewhere, or later (W3C Trace Context)."""
        ...

    def describe(self, name: str, attributes: Attributes, *, has_failed: bool = False) -> None:
        """Set the name, the attributes and the outcome of the request."""

    def add_step(self, name: str, *, began_s: float, attributes: Attributes) -> None:
        """Add a step that began at `began_s` of the monotonic clock and ends now."""


_current: ContextVar[RequestTrace | None] = ContextVar("trace", default=None)


def current_trace() -> RequestTrace | None:
    """Return the trace of the current request; None where it has none."""
    return _current.get()


def add_step(name: str, *, began_s: float, attributes: Attributes | None = None) -> None:
    """Add a step to the trace of the current request, if that has one; as `RequestTrace` does."""
    trace = _current.get()
    if trace is not None:
        trace.add_step(name, began_s=began_s, attributes=attributes or {})


@contextmanager
def following(trace: RequestTrace) -> Iterator[None]:
    """Make `trace` the current one."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)
