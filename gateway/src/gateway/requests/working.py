"""What is done once a request is good: fetch, credits, call, settle; now or later, one or many."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import msgspec
from msgspec import Struct, UnsetType
from starlette.responses import Response

from gateway import contract, job_contract
from gateway.accounts.idempotency import Keep
from gateway.accounts.keys import ApiKey
from gateway.input.forms import check_image_size
from gateway.input.inputs import Input
from gateway.jobs.outcomes import Outcome, answered, broken, refused
from gateway.jobs.runner import RunningJob
from gateway.media import require_picture
from gateway.mesh import Mesh
from gateway.problems import Problem
from gateway.requests.admission import check_endpoint
from gateway.requests.batch import Batch, Item, run_batch
from gateway.requests.endpoints import Endpoint
from gateway.requests.places import Places
from gateway.requests.tasks import Task
from gateway.responses import json_response
from servicekit.logs import get_logger

KeepItem = Callable[[int, Response], Awaitable[None]]

_log = get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and what its answers need to know of it.

    Attributes:
        key: good, and not used too often.
        request_id: of the request.
        base_url: what the URLs of hosted results begin with, without a slash at the end.
    """

    key: ApiKey
    request_id: str
    base_url: str

    def task(self, given: Input[Any], *, deadline_s: float) -> Task[Any]:
        """Return what this caller asks for with `given`."""
        return Task(
            given.request,
            image=given.image.content if given.image else b"",
            image_name=given.image.name if given.image else "",
            account=self.key.account,
            request_id=self.request_id,
            deadline_s=deadline_s,
            base_url=self.base_url,
        )


class Workshop:
    """Does what is asked, at most `max_in_flight` pictures at once.

    The methods raise a Problem for what is not answered; `keep` is given every good answer before
    it is paid.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._places = Places(mesh.settings.max_in_flight)

    def deadline_s(self) -> float:
        """Return when a request that begins now is due, on the monotonic clock."""
        return monotonic() + self._mesh.settings.request_timeout_s

    async def answer(self, endpoint: Endpoint, task: Task[Any], keep: Keep) -> Response:
        """Answer a request now, or not at all where no place is free."""
        async with self._places.one_now():
            return await self._work(endpoint, task, keep)

    async def answer_late(self, endpoint: Endpoint, task: Task[Any], job: RunningJob) -> None:
        """Answer a request when there is a place; its time begins then."""
        async with self._places.one_in_turn():
            await self._work(endpoint, replace(task, deadline_s=self.deadline_s()), job.keep)

    async def answer_batch(
        self,
        caller: Caller,
        batch: Batch,
        deadline_s: float,
        keep: Keep,
        *,
        order: str | None = None,
    ) -> Response:
        """Answer a batch now, or not at all where no place is free.

        Each item is charged once for all batches of the same `order`.
        """
        works = self._works(caller, batch, lambda: deadline_s, keep=_keep_no_item, order=order)
        async with self._places.one_now():
            outcomes = await run_batch(works, self._places, note=_note_nothing)
        response = _batch_response(outcomes)
        await keep(response)
        return response

    async def answer_batch_late(self, caller: Caller, batch: Batch, job: RunningJob) -> None:
        """Answer a batch when there is a place; the time of each request begins with it."""
        works = self._works(caller, batch, self.deadline_s, keep=job.keep_item)
        async with self._places.one_in_turn():
            outcomes = await run_batch(works, self._places, note=job.note)
        await job.keep(_batch_response(outcomes))

    def _works(
        self,
        caller: Caller,
        batch: Batch,
        deadline_s: Callable[[], float],
        *,
        keep: KeepItem,
        order: str | None = None,
    ) -> list["partial[Any]"]:  # Any: a coroutine
        return [
            partial(
                self._item,
                caller,
                item,
                number=number,
                deadline_s=deadline_s,
                keep=keep,
                order=order,
            )
            for number, item in enumerate(batch.items)
        ]

    async def _item(
        self,
        caller: Caller,
        item: Item | Problem,
        *,
        number: int,
        deadline_s: Callable[[], float],
        keep: KeepItem,
        order: str | None,
    ) -> Outcome:
        """Answer one request of a batch; whatever happens, it happens to this one alone."""
        request_id = f"{caller.request_id}-{number}"
        try:
            if isinstance(item, Problem):
                return refused(item, request_id=request_id)
            check_endpoint(self._mesh, caller.key, item.endpoint.path)
            if number > 0:  # the first was counted when the batch came
                await self._mesh.rates.check(caller.key)
            one = replace(caller, request_id=request_id)
            task = one.task(item.given, deadline_s=deadline_s())
            once = None if order is None else f"{order}:{number}"
            return answered(await self._work(item.endpoint, task, partial(keep, number), item=once))
        except Problem as problem:
            return refused(problem, request_id=request_id)
        except Exception:  # noqa: BLE001 - the edge of an item, as that of a request
            _log.exception("item failed")
            return broken(request_id=request_id)

    async def _work(
        self, endpoint: Endpoint, task: Task[Any], keep: Keep, *, item: str | None = None
    ) -> Response:
        fetched = await self._fetch(task)
        async with self._mesh.credits.charge(task.account, endpoint=endpoint.path, item=item):
            answer = await endpoint.run(self._mesh, fetched)
            response = json_response(_public(task.request, answer))
            # Before it is paid: who repeats the request after a crash must not pay twice.
            await keep(response)
            return response

    async def _fetch(self, task: Task[Any]) -> Task[Any]:
        request = task.request
        if not isinstance(request, contract.Request) or isinstance(request.url, UnsetType):
            return task
        or_pdf = isinstance(request, contract.DocumentRequest)
        image = await self._mesh.hosted.read(request.url, base_url=task.base_url)
        if image is None:
            image = await self._mesh.fetcher.fetch(
                request.url, timeout_s=task.remaining_s(), or_pdf=or_pdf
            )
        else:
            check_image_size(len(image.content))  # a PDF that was written here can be larger
            require_picture(image.content, subject="the URL leads to", or_pdf=or_pdf)
        return replace(task, image=image.content, image_name=image.name)


async def _keep_no_item(_: int, __: Response) -> None:
    """Whoever waits for a batch gets all of it."""


async def _note_nothing(_: int) -> None:
    """Nobody asks how far a batch is that is answered at once."""


def _batch_response(outcomes: Sequence[Outcome]) -> Response:
    return json_response(job_contract.BatchAnswer([outcome.as_item() for outcome in outcomes]))


def _public(request: Struct, answer: Any) -> Struct:  # Any: answers differ, all have details
    if getattr(request, "details", False):
        return answer  # type: ignore[no-any-return]  # see above
    return msgspec.structs.replace(answer, details=None)  # type: ignore[no-any-return]  # see above
