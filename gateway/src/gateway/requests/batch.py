"""Several requests in one: parsed item by item, answered side by side, in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UnsetType

from gateway import job_contract
from gateway.input.inputs import Input, input_of
from gateway.input.parsing import Json, parse_values
from gateway.jobs.outcomes import Outcome
from gateway.problems import Problem
from gateway.requests.endpoints import Endpoint
from gateway.requests.places import Places

Work = Callable[[], Awaitable[Outcome]]
Note = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch whose fields are good."""

    endpoint: Endpoint
    given: Input[Any]  # Any: the request of the endpoint


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch: its items in order, a Problem where the fields of one are not good."""

    items: list[Item | Problem]
    webhook: str | UnsetType


def parse_batch(values: Json, endpoints: Mapping[str, Endpoint]) -> Batch:
    """Return the batch of these JSON fields.

    Args:
        values: the body's.
        endpoints: what an item may name, by name.

    Raises:
        Problem: 400 or 404 for the batch as a whole; those of items are in it.
    """
    request = parse_values(values, job_contract.BatchRequest)
    items = [_parse_item(item, endpoints) for item in request.requests]
    return Batch(items, request.webhook)


def _parse_item(values: Json, endpoints: Mapping[str, Endpoint]) -> Item | Problem:
    name = values.get("endpoint")
    if name is None:
        return Problem(404, "missing_parameter", "the parameter 'endpoint' is missing")
    endpoint = endpoints.get(name) if isinstance(name, str) else None
    if endpoint is None:
        message = f"parameter 'endpoint': expected one of {', '.join(endpoints)}"
        return Problem(400, "invalid_parameter", message)
    fields = {field: value for field, value in values.items() if field != "endpoint"}
    if "webhook" in fields:
        message = "parameter 'webhook': belongs to the batch, not to one of its requests"
        return Problem(400, "invalid_parameter", message)
    try:
        return Item(endpoint, input_of(fields, endpoint.request))
    except Problem as problem:
        return problem


async def run_batch(works: Sequence[Work], places: Places, *, note: Note) -> list[Outcome]:
    """Return the outcomes of `works`, in their order.

    The caller holds a place, so a batch always goes on; it goes faster while other places are free,
    and takes none from a request that asks for it meanwhile.

    Args:
        works: what to do; none of them raises.
        places: where more can be done at once.
        note: told how many are done, each time that one is.
    """
    async with asyncio.TaskGroup() as group:
        crew = _Crew(works, places, group, note)
        await crew.work(crew.left.popleft())
    return crew.in_order()


class _Crew:
    """Those who work on a batch."""

    def __init__(
        self, works: Sequence[Work], places: Places, group: asyncio.TaskGroup, note: Note
    ) -> None:
        self.left = deque(range(len(works)))
        self._works = works
        self._places = places
        self._group = group
        self._note = note
        self._outcomes: dict[int, Outcome] = {}

    async def work(self, index: int) -> None:
        """Do this piece of work, and then others while some are left."""
        while True:
            await self._hire()
            self._outcomes[index] = await self._works[index]()
            await self._note(len(self._outcomes))
            if not self.left:
                return
            index = self.left.popleft()

    def in_order(self) -> list[Outcome]:
        """Return the outcomes in the order of the works."""
        return [self._outcomes[index] for index in range(len(self._works))]

    async def _hire(self) -> None:
        while self.left and not self._places.are_all_taken:
            await self._places.take()
            helper = self._group.create_task(self.work(self.left.popleft()))
            # Not in the task: one that is cancelled before it begins runs no line of its own.
            helper.add_done_callback(lambda _: self._places.give_back())
