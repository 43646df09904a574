"""Modules run in a process of their own, for work on files that may be hostile."""

import asyncio
import sys
from subprocess import DEVNULL, PIPE, Popen
from threading import Lock


async def run_module(content: bytes, module: str, *arguments: str, within_s: float) -> bytes:
    """Return what a module writes of the content in a process of its own.

    Args:
        content: its standard input.
        module: its name.
        arguments: of its command line.
        within_s: longest time, in seconds.

    Raises:
        TimeoutError: it took longer, and was ended, as it is where the caller is cancelled.
    """
    run = _Run(module, *arguments)
    try:
        async with asyncio.timeout(within_s):
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
