"""Requests to /api/v1/bulk: submission, progress, output and deletion of bulk jobs."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial
from typing import Final

import msgspec
from attrs import define, field
from msgspec import UNSET, Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from contract.bulk import (
    BULK_PATH,
    BulkAnswer,
    BulkEstimate,
    BulkEstimateAnswer,
    BulkPage,
    BulkPageAnswer,
    BulkRequest,
)
from gateway.accounts.idempotency import check_idempotency_key
from gateway.accounts.keys import ApiKey
from gateway.bulk.items import items_of_archive, items_of_manifest, items_of_source
from gateway.bulk.records import BulkRecord, described
from gateway.bulk.submission import BulkJobs, ReadItems
from gateway.bulk.uploads import ARCHIVE, MANIFEST, BulkForm, read_bulk_form
from gateway.bulk.worker import StoredBulk
from gateway.database.clock import Clock
from gateway.database.engine import DatabaseUnavailable
from gateway.endpoint_handler import EndpointHandler
from gateway.endpoint_table import HANDLERS
from gateway.hosting.sources import Sources
from gateway.input.bodies import CLOSE, BodyReader, drain
from gateway.input.forms import FORM_TYPE
from gateway.input.inputs import Input, input_of, media_type_of, read_object
from gateway.input.parsing import parse_values
from gateway.jobs.records import NewJob
from gateway.problems import Problem
from gateway.requests.admission import Admission
from gateway.requests.batch import Item
from gateway.requests.orders import OrderReader
from gateway.requests.stored_orders import encode_order
from gateway.responses import by_method, json_response
from gateway.settings import GatewaySettings

_TELL_EVERY_S: Final = 1.0  # progress, as an event
_PARTS: Final = 1000  # shards looked up in one go
_LISTED: Final = 100
_ITS_OWN: Final = ("url", "image", "webhook")  # fields that no bulk job may give
_ANY_URL: Final = "https://example.org/"  # stands for that of an item
_NO_CONTENT: Final = 204
_NOT_STORED: Final = {"Cache-Control": "no-store"}


@define(eq=False)
class BulkHandlers:
    """Answers requests about bulk jobs; every method raises a Problem for other answers."""

    _settings: GatewaySettings
    _admission: Admission
    _orders: OrderReader
    _bodies: BodyReader
    _jobs: BulkJobs
    _sources: Sources
    _clock: Clock
    _leaving: ExitStack  # ends streams of events
    _left: asyncio.Event = field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._leaving.callback(self._left.set)

    async def submit(self, request: Request) -> Response:
        """Answer POST /api/v1/bulk."""
        key = await self._admission.admit(request)
        if self._settings.zero_retention:
            raise Problem(403, "endpoint_off", "this gateway keeps nothing, so it has no bulk jobs")
        bulk = _id_of(request, key)
        known = await self._jobs.store.find(bulk, account=key.account, scopes=key.scopes)
        if known is not None:
            reply = self._accepted(known)
            if not await drain(request):
                reply.headers.update(CLOSE)
            return reply
        form = await self._read(request)
        handler = _handler_of(form.request)
        self._admission.authorize(key, handler.endpoint.name)
        template = Item(handler, _parameters(form.request, handler))
        read = self._reader(form, key)
        if form.request.dry_run:
            name = handler.endpoint.name
            items, price = await self._jobs.estimate(key.account, name, read, form.content)
            return json_response(BulkEstimateAnswer(BulkEstimate(items, price)))
        record = await self._jobs.submit(
            bulk,
            key.account,
            handler.endpoint.name,
            read,
            form.content,
            order=self._order(request, key, template, form.request),
            request_id=request.state.request_id,
        )
        return self._accepted(record)

    async def listing(self, request: Request) -> Response:
        """Answer GET /api/v1/bulk."""
        key = await self._admission.admit(request)
        now = self._clock()
        found = await self._jobs.store.newest(key.account, limit=_LISTED)
        seen = [described(each, now) for each in found if each.may_be_seen_with(key.scopes)]
        return json_response(BulkPageAnswer(BulkPage(seen)), headers=_NOT_STORED)

    async def progress(self, request: Request) -> Response:
        """Answer GET /api/v1/bulk/{id}."""
        record = await self._find(request)
        return json_response(BulkAnswer(described(record, self._clock())), headers=_NOT_STORED)

    async def events(self, request: Request) -> Response:
        """Answer GET /api/v1/bulk/{id}/events."""
        record = await self._find(request)
        told = self._events(record)
        return StreamingResponse(told, media_type="text/event-stream", headers=_NOT_STORED)

    async def output(self, request: Request) -> Response:
        """Answer GET /api/v1/bulk/{id}/output."""
        record = await self._find(request)
        if not record.is_over:
            message = "the bulk job has not ended; its output comes then"
            raise Problem(409, "request_in_progress", message)
        return StreamingResponse(
            self._lines(record.id), media_type="application/jsonl", headers=_NOT_STORED
        )

    async def cancel(self, request: Request) -> Response:
        """Answer DELETE /api/v1/bulk/{id}."""
        await self._jobs.cancel((await self._find(request)).id)
        return Response(status_code=_NO_CONTENT)

    async def _find(self, request: Request) -> BulkRecord:
        key = await self._admission.admit(request)
        record = await self._jobs.store.find(
            request.path_params["id"], account=key.account, scopes=key.scopes
        )
        if record is None:
            raise Problem(404, "not_found", "there is no such bulk job, or it has expired")
        return record

    async def _read(self, request: Request) -> BulkForm:
        if media_type_of(request) == FORM_TYPE:
            return await read_bulk_form(request, idle_s=self._settings.body_timeout_s)
        values = await read_object(self._bodies, request)
        return BulkForm(parse_values(values, BulkRequest), None, _nothing())

    def _reader(self, form: BulkForm, key: ApiKey) -> ReadItems:
        """Return what reads the items of a form."""
        url = form.request.source
        source = None if url is UNSET else self._sources.find(url, account=key.account)
        if form.kind == ARCHIVE and source is None:
            return items_of_archive
        if form.kind == MANIFEST:
            return partial(items_of_manifest, has_source=source is not None)
        if form.kind is None and source is not None:
            return partial(items_of_source, source)
        message = "send one of 'archive', 'manifest' and 'source', or a 'manifest' with a 'source'"
        raise Problem(404, "missing_parameter", message)

    def _order(self, request: Request, key: ApiKey, template: Item, given: BulkRequest) -> bytes:
        order = self._orders.read(
            request, key, [template], fields=None, webhook=UNSET, deadline_s=0.0, is_batch=True
        )
        source = None if given.source is UNSET else given.source
        return msgspec.msgpack.encode(StoredBulk(encode_order(order), source))

    def _accepted(self, record: BulkRecord) -> Response:
        answer = described(record, self._clock())
        return json_response(BulkAnswer(answer), status=202, headers={"Location": answer.url})

    async def _events(self, record: BulkRecord | None) -> AsyncIterator[str]:
        """Yield the progress as server-sent events until the job has ended."""
        while record is not None:
            told = msgspec.json.encode(described(record, self._clock())).decode()
            yield f"data: {told}\n\n"
            if record.is_over:
                return
            try:
                async with asyncio.timeout(_TELL_EVERY_S):
                    await self._left.wait()
                    return
            except TimeoutError:
                pass
            try:
                record = await self._jobs.store.find(record.id, account=record.account)
            except DatabaseUnavailable:
                return  # whoever listens connects again

    async def _lines(self, bulk: str) -> AsyncIterator[bytes]:
        """Yield the output, a shard at a time."""
        after = -1
        while parts := await self._jobs.store.parts(bulk, after=after, limit=_PARTS):
            for shard, attempt in parts:
                yield await self._jobs.files.read_part(bulk, shard, attempt=attempt or 0)
            after = parts[-1][0]


def bulk_routes(handlers: BulkHandlers) -> list[BaseRoute]:
    """Return the routes of bulk jobs."""
    one = BULK_PATH + "/{id}"
    every = by_method({"GET": handlers.listing, "POST": handlers.submit})
    each = by_method({"GET": handlers.progress, "DELETE": handlers.cancel})
    return [
        Route(BULK_PATH, every, methods=["GET", "POST"]),
        Route(one, each, methods=["GET", "DELETE"]),
        Route(one + "/events", handlers.events, methods=["GET"]),
        Route(one + "/output", handlers.output, methods=["GET"]),
    ]


def _id_of(request: Request, key: ApiKey) -> str:
    """Return the id of a new job; a request that is sent again with its key has the same."""
    words = request.headers.get("idempotency-key")
    if words is None:
        return NewJob.new_id()
    check_idempotency_key(words)
    return hashlib.sha256(f"{key.account}\n{words}".encode()).hexdigest()[:32]


def _handler_of(request: BulkRequest) -> EndpointHandler:
    handler = HANDLERS.get(request.endpoint)
    if handler is None or not handler.endpoint.takes_image:
        known = ", ".join(name for name, one in HANDLERS.items() if one.endpoint.takes_image)
        raise Problem(400, "invalid_parameter", f"parameter 'endpoint': expected one of {known}")
    return handler


def _parameters(request: BulkRequest, handler: EndpointHandler) -> Input[Struct]:
    """Return the parameters that all items share, without an image."""
    for name in _ITS_OWN:
        if name in request.parameters:
            message = f"parameter 'parameters': leave {name!r} out; it is each item's own"
            raise Problem(400, "invalid_parameter", message)
    parsed = input_of({**request.parameters, "url": _ANY_URL}, handler.endpoint).request
    return Input(msgspec.structs.replace(parsed, url=UNSET), None)


async def _nothing() -> AsyncIterator[bytes]:
    """Yield nothing: no file was sent."""
    for piece in tuple[bytes, ...]():
        yield piece
