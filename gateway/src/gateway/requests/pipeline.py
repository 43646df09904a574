"""The pipeline of a POST, in the order of its steps.

A request is authenticated, authorized, counted by its rate limits, read and parsed. Then its image
is fetched, its price charged, the service called, the file that it made stored, and the answer
made. An item of a batch and a job go through the same steps.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial
from time import monotonic
from typing import Final, TypeAlias

import structlog
from attrs import define, field
from starlette.requests import Request
from starlette.responses import Response

from contract.jobs import BatchAnswer
from gateway.accounts.idempotency import Claim, IdempotentAnswers
from gateway.accounts.ledger import Charge, Ledger
from gateway.backends import CallContext
from gateway.database.engine import DatabaseUnavailable
from gateway.endpoint_handler import EndpointHandler
from gateway.input.bodies import BodyReader
from gateway.input.inputs import read_input, read_object
from gateway.jobs.answers import job_answer
from gateway.jobs.outcomes import Outcome, answered, broken, refused
from gateway.jobs.records import JobRecord, NewJob
from gateway.jobs.store import JobGone
from gateway.jobs.submission import Jobs
from gateway.jobs.worker import RunningJob
from gateway.problems import Problem
from gateway.requests.admission import Admission
from gateway.requests.batch import Item, answer_items, parse_batch
from gateway.requests.disconnects import cancelled_on_disconnect
from gateway.requests.item_work import ItemWork
from gateway.requests.orders import Order, OrderReader
from gateway.requests.stored_orders import decode_order, encode_order
from gateway.responses import json_response
from gateway.settings import GatewaySettings
from servicekit.logs import get_logger
from servicekit.tracing.opening import Serving
from servicekit.turns import CALLER, FairSemaphore, reserve_of

# Bulk jobs have places of their own, a third as many as requests: they take none from these.
_SHARE_OF_BULK: Final = 3
# Waits for an item of a bulk job whose service is full, in parts of GATEWAY_JOB_RETRY_S.
_PATIENCE: Final = (0.1, 0.2, 0.4, 0.8, 1.6)

_UNANSWERED: Final = Outcome(503, b"{}", is_passing=True)  # of an item that is tried again

_log = get_logger("gateway")


Keep: TypeAlias = Callable[[Response, Charge], Awaitable[None]]
Load: TypeAlias = Callable[[int], Awaitable[Item]]  # returns the item of that number


async def _keep_nothing(_: Response, __: Charge) -> None:
    """Keep no answer by itself: it is part of another."""


@define(eq=False)
class Pipeline:
    """Answers POST requests: to an endpoint, or to /api/v1/batch."""

    _settings: GatewaySettings
    _admission: Admission
    _orders: OrderReader
    _bodies: BodyReader
    _idempotent: IdempotentAnswers
    _jobs: Jobs
    _credit: Ledger
    _items: ItemWork
    _serving: Serving | None = None  # makes the spans of jobs
    _slots: FairSemaphore = field(init=False)
    _bulk_slots: FairSemaphore = field(init=False)

    def __attrs_post_init__(self) -> None:
        most = self._settings.max_in_flight
        self._slots = FairSemaphore(most, reserved=reserve_of(most))
        most = max(1, most // _SHARE_OF_BULK)
        self._bulk_slots = FairSemaphore(most, reserved=reserve_of(most))

    async def post(self, handler: EndpointHandler, request: Request) -> Response:
        """Answer a POST to an endpoint.

        Raises:
            Problem: any answer but 200 and 202.
        """
        deadline_s = monotonic() + self._settings.request_timeout_s
        key = await self._admission.admit(request, endpoint=handler.endpoint.name)
        given = await read_input(self._bodies, request, handler.endpoint)
        order = self._orders.read(
            request,
            key,
            [Item(handler, given)],
            fields=given.request,
            webhook=given.request.webhook,
            deadline_s=deadline_s,
        )
        return await self._reply(request, order)

    async def batch(self, request: Request) -> Response:
        """Answer a POST to /api/v1/batch; its items are authorized one by one.

        Raises:
            Problem: any answer but 200 and 202.
        """
        deadline_s = monotonic() + self._settings.request_timeout_s
        key = await self._admission.admit(request)
        values = await read_object(self._bodies, request)
        batch = parse_batch(values)
        order = self._orders.read(
            request,
            key,
            batch.items,
            fields=values,
            webhook=batch.webhook,
            deadline_s=deadline_s,
            is_batch=True,
        )
        del values  # they hold the text of every image
        return await self._reply(request, order)

    async def _reply(self, request: Request, order: Order) -> Response:
        """Answer now or with a job, and a repeated request as it was answered before."""
        account = order.key.account
        # Before the wait for the database, or what requests hold meanwhile had no bound.
        place = nullcontext() if order.is_async else self._place(account)
        claiming = self._idempotent.claiming(
            account, key=order.idempotency_key, fingerprint=order.fingerprint
        )
        async with cancelled_on_disconnect(request), place, claiming as claim:
            if claim.answer is not None:
                return claim.answer
            if order.is_async:
                return await self._submit(order, claim)
            return await self._answer(order, claim)

    @asynccontextmanager
    async def _place(self, account: str) -> AsyncIterator[None]:
        """Hold a place, which is refused where it is not free at once."""
        if not self._slots.is_free(account):
            message = "too many requests are being answered already; try again later"
            raise Problem(429, "overloaded", message)
        async with self._slots.held(account):
            yield

    async def _submit(self, order: Order, claim: Claim) -> Response:
        """Answer with a job, whose work is `run_job`."""
        job = NewJob(
            account=order.key.account,
            request_id=order.request_id,
            endpoints=order.endpoints(),
            is_batch=order.is_batch,
            webhook=order.webhook,
        )
        content = encode_order(order)
        with self._bodies.memory.share(order.key.account) as share:
            share.grow_to(len(content))
            return await self._jobs.submit(job, content, claim=claim, respond=_accepted)

    async def _answer(self, order: Order, claim: Claim) -> Response:
        """Answer an order that holds a place; a batch takes more while some are free."""
        if not order.is_batch:
            return await self._work(order, 0, order.request_id, claim.keep)
        outcomes = await answer_items(
            range(len(order.items)),
            partial(self._answer_item, order),
            self._slots,
            account=order.key.account,
        )
        response = json_response(BatchAnswer([outcome.as_item() for outcome in outcomes]))
        # With errors that pass by themselves it is not kept: sent again, it may end well, and
        # what was charged is not charged again.
        if not any(outcome.is_passing for outcome in outcomes):
            await claim.keep(response)
        return response

    async def run_job(self, content: bytes, job: RunningJob) -> None:
        """Answer the items of a job that have no answer yet; only a job waits for its place."""
        order = decode_order(content, job=job.record.id)
        answer_item = partial(self._answer_job_item, order, job)
        account = order.key.account
        with self._working("job", order):
            async with self._slots.held(account):
                if job.missing:
                    await answer_items(job.missing, answer_item, self._slots, account=account)

    async def answer_bulk(
        self, order: Order, numbers: Sequence[int], load: Load
    ) -> dict[int, Outcome]:
        """Return the outcomes of items of a bulk job by number; the caller charges them.

        Args:
            order: of the bulk job.
            numbers: of the items, one at least.
            load: returns an item when it is its turn.
        """
        account = order.key.account
        answer = partial(self._answer_patiently, order, load)
        with self._working("bulk", order):
            async with self._bulk_slots.held(account):
                outcomes = await answer_items(numbers, answer, self._bulk_slots, account=account)
        return dict(zip(numbers, outcomes, strict=True))

    @contextmanager
    def _working(self, kind: str, order: Order) -> Iterator[None]:
        """Work on an order of no open request: logs, turns and spans are those of its caller."""
        structlog.contextvars.bind_contextvars(request_id=order.request_id)
        CALLER.set(order.key.account)
        with nullcontext() if self._serving is None else self._serving(kind, order.traceparent):
            yield

    async def _answer_patiently(self, order: Order, load: Load, number: int) -> Outcome:
        """Answer one item of a bulk job; while a service is full, its place waits with it."""
        outcome = await self._answer_loaded(order, load, number)
        for share in _PATIENCE:
            if not outcome.is_passing:
                break
            await asyncio.sleep(share * self._settings.job_retry_s)
            outcome = await self._answer_loaded(order, load, number)
        return outcome

    async def _answer_loaded(self, order: Order, load: Load, number: int) -> Outcome:
        """Answer one item of a bulk job; its faults do not touch the others."""
        request_id = f"{order.request_id}-{number}"
        try:
            item = await load(number)
            self._admission.authorize(order.key, item.handler.endpoint.name)
            context = self._context(order, request_id)
            image = await self._items.image(item, order, context)
            return answered(await self._items.ask(item, image, order, context))
        except Problem as problem:
            return refused(problem, request_id=request_id)
        except Exception:  # noqa: BLE001 - the edge of an item, as that of a request
            _log.exception("item failed")
            return broken(request_id=request_id)

    async def _answer_job_item(self, order: Order, job: RunningJob, number: int) -> Outcome:
        """Answer one item of a job, keep the answer, and settle its charge with it."""
        if job.is_stopped:
            return _UNANSWERED
        outcome = _UNANSWERED
        try:
            outcome = await self._answer_item(order, number, partial(job.keep, number))
        except (JobGone, DatabaseUnavailable):
            return outcome  # nobody wants it, or it is tried again
        if not outcome.is_good:
            await job.refuse(number, outcome)
        return outcome

    async def _answer_item(self, order: Order, number: int, keep: Keep = _keep_nothing) -> Outcome:
        """Answer one item of an order; its faults do not touch the others.

        Raises:
            JobGone: it is an item of a job, and nobody can get its answer.
            DatabaseUnavailable: it is an item of a job, and nobody knows whether it was kept.
        """
        item = order.items[number]
        request_id = f"{order.request_id}-{number}" if order.is_batch else order.request_id
        try:
            if order.is_batch and isinstance(item, Item):
                self._admission.authorize(order.key, item.handler.endpoint.name)
                if number > 0:  # the first was counted when the batch came
                    await self._admission.count(order.key)
            return answered(await self._work(order, number, request_id, keep))
        except Problem as problem:
            if order.is_async and isinstance(problem, DatabaseUnavailable):
                raise
            return refused(problem, request_id=request_id)
        except JobGone:
            raise
        except Exception:  # noqa: BLE001 - the edge of an item, as that of a request
            _log.exception("item failed")
            return broken(request_id=request_id)

    async def _work(self, order: Order, number: int, request_id: str, keep: Keep) -> Response:
        """Fetch, charge, call, store and answer an item of an order."""
        item = order.items[number]
        if isinstance(item, Problem):
            raise item
        context = self._context(order, request_id)
        image = await self._items.image(item, order, context)
        async with self._credit.charge(
            context.account,
            endpoint=item.handler.endpoint.name,
            item=order.charged_once(number),
            hold=order.hold(number),
        ) as charge:
            response = await self._items.ask(item, image, order, context)
            await keep(response, charge)
            return response

    def _context(self, order: Order, request_id: str) -> CallContext:
        """Return the context of an item's calls; the time of a job's item begins with its work."""
        starts_now = monotonic() + self._settings.request_timeout_s
        deadline_s = starts_now if order.is_async else order.deadline_s
        return CallContext(request_id, order.key.account, deadline_s, order.key.policy)


def _accepted(record: JobRecord) -> Response:
    """Return the response to a request that is answered later."""
    answer = job_answer(record)
    headers = {"Location": answer.result.url, "Preference-Applied": "respond-async"}
    return json_response(answer, status=202, headers=headers)
