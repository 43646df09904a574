"""Batches: several requests in one, parsed item by item and answered by a pool of workers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from attrs import define, field
from msgspec import UnsetType

from contract.jobs import BatchRequest
from gateway.endpoint_handler import EndpointHandler
from gateway.endpoint_table import HANDLERS
from gateway.input.inputs import Input, input_of
from gateway.input.parsing import Json, parse_values
from gateway.jobs.outcomes import Outcome
from gateway.problems import Problem
from servicekit.turns import FairSemaphore

AnswerItem: TypeAlias = Callable[[int], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Item:
    """One request whose fields are good: the whole of a POST, or one of a batch."""

    handler: EndpointHandler
    given: Input[Any]  # Any: the request of the endpoint


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of a batch in order, a Problem where the fields of one are not good."""

    items: list[Item | Problem]
    webhook: str | UnsetType


def parse_batch(values: Json) -> Batch:
    """Return the batch of these JSON fields.

    Raises:
        Problem: 400 or 404 for the batch as a whole; those of items are in it.
    """
    request = parse_values(values, BatchRequest)
    return Batch([_parse_item(item) for item in request.requests], request.webhook)


def _parse_item(values: Json) -> Item | Problem:
    name = values.get("endpoint")
    if name is None:
        return Problem(404, "missing_parameter", "the parameter 'endpoint' is missing")
    handler = HANDLERS.get(name) if isinstance(name, str) else None
    if handler is None:
        message = f"parameter 'endpoint': expected one of {', '.join(HANDLERS)}"
        return Problem(400, "invalid_parameter", message)
    fields = {field: value for field, value in values.items() if field != "endpoint"}
    if "webhook" in fields:
        message = "parameter 'webhook': belongs to the batch, not to one of its requests"
        return Problem(400, "invalid_parameter", message)
    try:
        return Item(handler, input_of(fields, handler.endpoint))
    except Problem as problem:
        return problem


async def answer_items(
    numbers: Sequence[int], answer: AnswerItem, slots: FairSemaphore, *, account: str
) -> list[Outcome]:
    """Return the outcomes of items of a batch, in the order of their numbers.

    The caller holds a slot, so a batch always goes on; it goes faster while other slots are free,
    and takes none from a request that asks for it meanwhile.

    Args:
        numbers: of the items, one at least.
        answer: answers the item of that number; it does not raise.
        slots: where more can be answered at once.
        account: that the slots are taken for.
    """
    async with asyncio.TaskGroup() as group:
        pool = _WorkerPool(deque(numbers), answer, slots, account, group)
        await pool.work(pool.waiting.popleft())
    return pool.in_order()


@define(eq=False)
class _WorkerPool:
    """Workers of one batch: the first holds the caller's slot, the others one each."""

    waiting: deque[int]
    _answer: AnswerItem
    _slots: FairSemaphore
    _account: str
    _group: asyncio.TaskGroup
    _outcomes: dict[int, Outcome] = field(factory=dict, init=False)

    async def work(self, number: int) -> None:
        """Answer the item of that number, and then others while some wait."""
        while True:
            await self._start_workers()
            self._outcomes[number] = await self._answer(number)
            if not self.waiting:
                return
            number = self.waiting.popleft()

    def in_order(self) -> list[Outcome]:
        """Return the outcomes in the order of the items."""
        return [self._outcomes[number] for number in sorted(self._outcomes)]

    async def _start_workers(self) -> None:
        while self.waiting and self._slots.is_free(self._account):
            await self._slots.acquire(self._account)
            worker = self._group.create_task(self.work(self.waiting.popleft()))
            # Not in the task: one that is cancelled before it begins runs no line of its own.
            worker.add_done_callback(lambda _: self._slots.release(self._account))
