"""Modules run in a process of their own, for work on files that may be hostile."""

import asyncio
import sys
from subprocess import DEVNULL, PIPE, Popen
from threading import Lock

from servicekit.turns import CALLER, FairSemaphore


class IsolatedModule:
    """Module that works on files that may be hostile, each in a process of its own.

    Args:
        module: its name.
        at_once: processes at once; callers take turns.
        within_s: longest time of one, in seconds.
    """

    def __init__(self, module: str, *, at_once: int, within_s: float) -> None:
        self._module = module
        self._places = FairSemaphore(at_once)
        self.within_s = within_s

    async def run(self, content: bytes, *arguments: str) -> bytes:
        """Return what the module writes.

        Args:
            content: its standard input.
            arguments: of its command line.

        Raises:
            TimeoutError: it took longer, and was ended, as it is where the caller is cancelled.
        """
        run = _Run(self._module, *arguments)
        async with self._places.held(CALLER.get()):
            try:
                async with asyncio.timeout(self.within_s):
                    return await asyncio.to_thread(run.finish, content)
            finally:
                run.give_up()


class _Run:
    """One run of a module; given up, it ends at once.

    In a thread and not by asyncio: uvloop forks, which in a process of this size takes long and
    starts what gRPC does before a fork; Popen does not.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._arguments = (module, *arguments)
        self._lock = Lock()
        self._process: Popen[bytes] | None = None
        self._is_given_up = False

    def finish(self, content: bytes) -> bytes:
        """Return what it writes, empty where it was given up."""
        with self._lock:
            if self._is_given_up:
                return b""
            process = self._process = Popen(  # noqa: S603 - the caller's bytes are no arguments
                # -I: with no folder on the path but those of the install.
                [sys.executable, "-I", "-m", *self._arguments],
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,  # libraries write there what they think of a file
                start_new_session=True,  # Ctrl-C in a terminal is for the service, which drains
            )
        with process:
            return process.communicate(content)[0]

    def give_up(self) -> None:
        """End it where it has not ended."""
        with self._lock:
            self._is_given_up = True
            if self._process is not None:
                self._process.kill()
