"""Health of a service: the set of its parts that are down."""

import asyncio


class Health:
    """Health of a service; it is well while no part is down."""

    def __init__(self) -> None:
        self._down: set[str] = set()
        self._changed = asyncio.Event()

    @property
    def is_well(self) -> bool:
        """Whether every part can do its work."""
        return not self._down

    def report(self, part: str, *, is_well: bool) -> None:
        """Report the health of a part; a part without a report is well."""
        was_well = self.is_well
        if is_well:
            self._down.discard(part)
        else:
            self._down.add(part)
        if self.is_well is not was_well:
            self._changed.set()

    async def changed(self) -> None:
        """Wait for a change of `is_well` since the last call."""
        await self._changed.wait()
        self._changed.clear()
