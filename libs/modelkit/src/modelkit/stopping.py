"""Stop of a run that nobody waits for any longer; a long run asks for it at its steps."""

import threading
from contextvars import ContextVar

_STOP: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


class Stopped(Exception):
    """The caller of the run is gone, so that the run ends without an answer."""


def new_stop() -> threading.Event:
    """Return an event that stops the runs which the current task begins from now on."""
    stop = threading.Event()
    _STOP.set(stop)
    return stop


def check_stop() -> None:
    """Go on, unless nobody waits for the answer of the current run.

    Raises:
        Stopped: Its request was cancelled, or is out of time.
    """
    stop = _STOP.get()
    if stop is not None and stop.is_set():
        raise Stopped
