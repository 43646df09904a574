"""Repeats calls that may succeed a little later: jittered exponential back-off in a bounded time.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("equal jitter").
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeAlias, TypeVar

from imagemesh.client.errors import ClientError, TimedOut, Unreachable

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 20.0
_MAX_DOUBLINGS: Final = 10  # beyond any longest wait, and no float overflows

# Tries in a row. A server that restarts is back within these (8 to 15 s); a wrong address is told
# soon.
MAX_UNREACHABLE: Final = 6

ResultT = TypeVar("ResultT")
Tell: TypeAlias = Callable[[ClientError, float], None]


class Retries:
    """Calls again until there is an answer, an error that stays, or no time left.

    Args:
        timeout_s: longest time of a call with all its repetitions, in seconds.
        clock: gives the time, monotonic.
        wait: waits so many seconds.
        jitter: seeded in tests.
        tell: called with the error and the seconds before each wait.
    """

    def __init__(
        self,
        timeout_s: float,
        *,
        clock: Callable[[], float] = monotonic,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: random.Random | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._wait = wait
        self._tell = tell
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads callers, hides nothing

    async def call(self, attempt: Callable[[float], Awaitable[ResultT]]) -> ResultT:
        """Return what `attempt` returns; its argument is the time that is left, in seconds.

        Raises:
            ClientError: the last one; a wait that would end too late is not begun.
        """
        deadline_s = self._clock() + self._timeout_s
        last: ClientError | None = None
        repeated = unreachable = 0
        while True:
            try:
                return await attempt(deadline_s - self._clock())
            except TimedOut as error:
                if last is None:
                    raise
                raise last from error
            except ClientError as error:
                unreachable = unreachable + 1 if isinstance(error, Unreachable) else 0
                is_over = not error.may_repeat or unreachable == MAX_UNREACHABLE
                wait_s = self._wait_s(error, number=repeated)
                if is_over or self._clock() + wait_s >= deadline_s:
                    raise
                last = error
            if self._tell is not None:
                self._tell(last, wait_s)
            await self._wait(wait_s)
            repeated += 1

    def _wait_s(self, error: ClientError, *, number: int) -> float:
        longest_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(number, _MAX_DOUBLINGS))
        # At least half of it, and never before the server wants to be asked again.
        return error.retry_after_s + longest_s * self._jitter.uniform(0.5, 1.0)
