"""Leaving: what a process does at once when it is told to end, before it drains."""

from collections.abc import Callable


class Leaving:
    """Calls listeners when the process is told to end; it may be told by a signal handler."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def on_leave(self, listener: Callable[[], None]) -> None:
        """Call `listener`, which must neither wait nor raise, when the process is to end."""
        self._listeners.append(listener)

    def leave(self) -> None:
        """Tell all listeners."""
        for listener in self._listeners:
            listener()
