"""Whether a service can answer: its parts say when they are down, and whoever cares waits."""

import asyncio


class Health:
    """The parts of a service that are down; it is well when there is none."""

    def __init__(self) -> None:
        self._down: set[str] = set()
        self._changed = asyncio.Event()

    @property
    def is_well(self) -> bool:
        """Whether every part can do its work."""
        return not self._down

    def report(self, part: str, *, is_well: bool) -> None:
        """Say of a part whether it can do its work; silence means that it can."""
        was_well = self.is_well
        if is_well:
            self._down.discard(part)
        else:
            self._down.add(part)
        if self.is_well is not was_well:
            self._changed.set()

    async def changed(self) -> None:
        """Wait until the service became well or stopped being it since the last call."""
        await self._changed.wait()
        self._changed.clear()
