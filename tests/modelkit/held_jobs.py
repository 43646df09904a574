"""Jobs that run until they are released."""

import asyncio
import threading


class HeldJob:
    """Job that signals its start and runs until it is released."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, *_: object) -> str:
        """Run until told to end, whatever the arguments."""
        self.running.set()
        assert self.may_end.wait(10)
        return "done"

    async def wait_until_running(self) -> None:
        """Return when the job runs in its thread."""
        assert await asyncio.to_thread(self.running.wait, 10)
