"""Pulling of messages: from one account after the other, so many at once as a worker may have."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from gateway.jobs.engine import CANCELLED, WAITING, Delivery, JobEngine
from gateway.periodic import PeriodicTasks, uncut
from servicekit.logs import get_logger

# Works on a message; returns after how many seconds it is delivered again, None for never.
Handle = Callable[[Delivery], Awaitable[float | None]]

# Returns which of some jobs nobody has deleted.
Alive = Callable[[Collection[str]], Coroutine[Any, Any, set[str]]]

_CHECK_EVERY_S = 5.0  # whether jobs in hand were cancelled while nobody could say so
_LOOK_EVERY_S = 30.0  # the engine offers what is due, so this finds nothing
_SIGNS = 3  # of life, while a message waits for its ack
_LATER_S = 0.05  # after its time a message is due for sure

_log = get_logger("worker")


@dataclass(frozen=True, slots=True)
class PullLimits:
    """Limits on the messages in hand."""

    at_once: int  # of all tokens
    per_token: int | None  # of one token; None sets no limit
    drain_s: float  # time that they may take when the worker is told to stop, in seconds


class Puller:
    """Pulls messages of one kind, from one token after the other, and has each handled.

    Args:
        engine: where the messages are.
        kind: of the messages.
        limits: on those in hand.
        handle: works on one.
        alive: looks for jobs that were deleted; the work on these is stopped. None stops none.
    """

    def __init__(
        self,
        engine: JobEngine,
        kind: str,
        limits: PullLimits,
        handle: Handle,
        alive: Alive | None = None,
    ) -> None:
        self._engine = engine
        self.kind = kind
        self._limits = limits
        self._handle = handle
        self._alive = alive
        self._ring: deque[str] = deque()
        self._in_hand: dict[asyncio.Task[None], tuple[str, Delivery]] = {}
        self._per_token: Counter[str] = Counter()
        self.wake = asyncio.Event()
        self._stopped_s: float | None = None
        engine.hear(WAITING, self._offer_text)
        if alive is not None:
            engine.hear(CANCELLED, self._cancel)

    @property
    def ack_wait_s(self) -> float:
        """Time after which a message without a sign of life is delivered again, in seconds."""
        return self._engine.ack_wait_s

    def offer(self, token: str) -> None:
        """Pull from this token when it is its turn."""
        if token not in self._ring:
            self._ring.append(token)
        self.wake.set()

    def stop(self) -> None:
        """Pull no more; what is in hand goes on."""
        if self._stopped_s is None:
            self._stopped_s = monotonic()

    async def pull_all(self) -> None:
        """Pull while there are messages and places; a periodic task that `wake` starts."""
        while self._stopped_s is None and len(self._in_hand) < self._limits.at_once:
            token = self._next()
            if token is None:
                return
            delivery = await self._pull(token)
            if delivery is not None:
                self._take(token, delivery)

    async def beat(self) -> None:
        """Give a sign of life for each message in hand."""
        for _, delivery in list(self._in_hand.values()):
            await delivery.keep()

    async def cancel_deleted(self) -> None:
        """Stop the work on jobs that were deleted."""
        mine = {delivery.job for _, delivery in self._in_hand.values()}
        if mine and self._alive is not None:
            for job in mine - await uncut(self._alive(mine)):
                self._cancel(job)

    async def close(self) -> None:
        """Wait for what is in hand as long as it may take, and give the rest back."""
        self.stop()
        spent_s = monotonic() - (self._stopped_s or 0.0)
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=max(0.0, self._limits.drain_s - spent_s))
        left = list(self._in_hand)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            _log.info("messages given back", kind=self.kind, count=len(left))

    def _next(self) -> str | None:
        """Return the token whose turn it is, None where no message may be taken."""
        most = self._limits.per_token
        for _ in range(len(self._ring)):
            token = self._ring.popleft()
            if most is None or self._per_token[token] < most:
                return token
            self._ring.append(token)
        return None

    async def _pull(self, token: str) -> Delivery | None:
        """Pull a message; one that arrives although it is not wanted any more is given back."""
        asking = asyncio.create_task(self._engine.pull(self.kind, token))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            delivery = await asking
            if delivery is not None:
                await delivery.give_back()
            raise

    def _take(self, token: str, delivery: Delivery) -> None:
        self._ring.append(token)  # behind the others
        self._per_token[token] += 1
        task = asyncio.create_task(self._work(token, delivery))
        self._in_hand[task] = (token, delivery)
        task.add_done_callback(self._release)

    async def _work(self, token: str, delivery: Delivery) -> None:
        try:
            again_s = await self._handle(delivery)
        except asyncio.CancelledError:
            # The engine has it again at once; a job that was cancelled is then found gone.
            await delivery.give_back()
            raise
        if again_s is None:
            await delivery.ack()
            return
        await delivery.give_back(again_s)
        asyncio.get_running_loop().call_later(again_s + _LATER_S, self.offer, token)

    def _release(self, task: asyncio.Task[None]) -> None:
        token, delivery = self._in_hand.pop(task)
        self._per_token[token] -= 1
        if not self._per_token[token]:
            del self._per_token[token]
        if not task.cancelled() and (error := task.exception()) is not None:
            # It is delivered again when its time for an ack is over.
            _log.error("message not handled", job=delivery.id, exc_info=error)
        self.offer(token)

    def _cancel(self, job: str) -> None:
        """Stop the work on a job."""
        for task, (_, delivery) in self._in_hand.items():
            if delivery.job == job:
                task.cancel()

    def _offer_text(self, text: str) -> None:
        kind, _, token = text.partition(".")
        if kind == self.kind:
            self.offer(token)


@asynccontextmanager
async def pulling(puller: Puller, tasks: PeriodicTasks) -> AsyncIterator[Puller]:
    """Pull until the end."""
    kind, sign_every_s = puller.kind, puller.ack_wait_s / _SIGNS
    async with (
        tasks.repeating({f"cancelled {kind}": puller.cancel_deleted}, every_s=_CHECK_EVERY_S),
        tasks.repeating({f"{kind} in hand": puller.beat}, every_s=sign_every_s),
    ):
        try:
            pull = {f"{kind} pulled": puller.pull_all}
            async with tasks.repeating(pull, every_s=_LOOK_EVERY_S, wake=puller.wake):
                yield puller
        finally:
            await puller.close()
