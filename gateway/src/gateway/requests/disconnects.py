"""Cancels the work for a caller that hangs up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import ClientDisconnect, Request

# Most answers are there before: nobody need watch for a caller that hangs up meanwhile.
_WATCH_AFTER_S = 0.05


@asynccontextmanager
async def cancelled_on_disconnect(request: Request) -> AsyncIterator[None]:
    """Cancel the block when the caller hangs up; the body of the request has been read.

    The block gives back its resources (an RPC, a charge) before the request counts as over.

    Raises:
        ClientDisconnect: nobody waits for the answer any more.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs is in a task
    watch = _DisconnectWatch(request, task)
    timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, watch.begin)
    try:
        yield
    except asyncio.CancelledError:
        if not watch.has_cancelled or task.uncancel() > 0:
            raise
        raise ClientDisconnect from None
    finally:
        timer.cancel()
        watch.end()


class _DisconnectWatch:
    """Cancels a task when its caller hangs up.

    Args:
        request: its body has been read, so its next message can only say that the caller is gone.
        task: works for the caller.
    """

    def __init__(self, request: Request, task: "asyncio.Task[Any]") -> None:
        self._request = request
        self._task = task
        self._gone: asyncio.Future[Any] | None = None
        self.has_cancelled = False

    def begin(self) -> None:
        """Watch from now on."""
        self._gone = asyncio.ensure_future(self._request.receive())
        self._gone.add_done_callback(self._hang_up)

    def end(self) -> None:
        """Leave the task alone from now on."""
        if self._gone is not None:
            self._gone.remove_done_callback(self._hang_up)
            self._gone.cancel()
            self._gone = None

    def _hang_up(self, gone: "asyncio.Future[Any]") -> None:
        if gone is self._gone:  # else the work ended a moment before
            self.has_cancelled = True
            self._task.cancel()
