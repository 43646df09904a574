"""Worker of shards: has their items answered, keeps the output, and charges it in one go."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec
from attrs import define

from contract.bulk import BulkLine
from gateway.accounts.kept_urls import without_queries
from gateway.bulk.files import BulkFiles
from gateway.bulk.items import BulkItem
from gateway.bulk.records import BulkRecord, ShardRecord
from gateway.bulk.store import BulkPublisher, BulkStore
from gateway.database.engine import DatabaseUnavailable
from gateway.fetching.urls import clean_file_name
from gateway.hosting.sources import Sources
from gateway.input.inputs import Input
from gateway.jobs.engine import BULK, Delivery
from gateway.jobs.outcomes import Outcome, refused
from gateway.jobs.store import JobGone
from gateway.jobs.worker import BACK_OFF, MAX_ATTEMPTS
from gateway.media import EncodedImage, require_image
from gateway.periodic import uncut
from gateway.problems import Problem
from gateway.requests.batch import Item
from gateway.requests.orders import Order
from gateway.requests.pipeline import Load
from gateway.requests.stored_orders import decode_order
from servicekit.logs import get_logger
from servicekit.telemetry import JobMetrics

# Answers items of an order.
AnswerItems: TypeAlias = Callable[[Order, Sequence[int], Load], Awaitable[Mapping[int, Outcome]]]

_ABANDONED: Final = Problem(503, "job_abandoned", "the item was tried several times; send it again")
_UNPAID: Final = Problem(406, "insufficient_balance", "the account's credits are used up")

_UNAVAILABLE: Final = 503

_DECODER: Final = msgspec.json.Decoder(BulkLine)
_ENCODER: Final = msgspec.json.Encoder()

_log = get_logger("bulk")


class StoredBulk(msgspec.Struct, frozen=True):
    """Order of a bulk job as the object store keeps it, and the URL of its source."""

    order: bytes
    source: str | None


@define(eq=False)
class BulkWorker:
    """Works on messages of shards."""

    _store: BulkStore
    _files: BulkFiles
    _sources: Sources
    _publisher: BulkPublisher
    _answer: AnswerItems
    _retry_s: float  # wait after the first attempt that failed
    _metrics: JobMetrics

    async def handle(self, delivery: Delivery) -> float | None:
        """Work on a shard; return after how many seconds it is tried again, None for never."""
        if delivery.is_again:
            self._metrics.redeliveries.labels(BULK).inc()
        number = int(delivery.id.partition(".")[2])
        try:
            shard = await uncut(self._store.start(delivery.job, number))
            return None if shard is None else await self._try(shard)
        except JobGone:
            return None
        except DatabaseUnavailable:
            return self._retry_s
        except asyncio.CancelledError:
            with suppress(DatabaseUnavailable):
                await self._store.give_back(delivery.job, number)
            raise

    async def _try(self, shard: ShardRecord) -> float | None:
        wait_s = self._retry_s * float(BACK_OFF ** (min(shard.attempt, MAX_ATTEMPTS) - 1))
        try:
            is_over = await self._work(shard)
        except DatabaseUnavailable:
            raise
        except Problem as problem:  # the object store or the service is away
            _log.warning("shard put off", job=shard.bulk.id, shard=shard.number, code=problem.code)
            await self._store.give_back(shard.bulk.id, shard.number)
            return self._retry_s * BACK_OFF
        return None if is_over else wait_s

    async def _work(self, shard: ShardRecord) -> bool:
        """Answer what is unanswered of a shard and tell whether it is over then."""
        bulk, number = shard.bulk.id, shard.number
        items, size_bytes = await self._files.read_items(bulk, number)
        before = await self._read_part(shard)
        lines = _DECODER.decode_lines(before)
        missing = set(range(shard.first, shard.first + shard.items))
        missing -= {line.number for line in lines}
        outcomes = await self._outcomes(shard, items, sorted(missing))
        lines += [_line(number, items, shard.first, one) for number, one in outcomes.items()]
        lines.sort(key=lambda line: line.number)
        content = _ENCODER.encode_lines(lines)
        await self._files.write_part(bulk, number, attempt=shard.attempt, content=content)
        good = [number for number, one in outcomes.items() if one.is_good]
        is_over = len(lines) == shard.items
        grown_bytes = len(content) - len(before) - (size_bytes if is_over else 0)
        record = await uncut(
            self._store.keep(
                shard,
                good=good,
                failed=len(outcomes) - len(good),
                is_over=is_over,
                grown_bytes=grown_bytes,
            )
        )
        self._metrics.items.inc(len(outcomes))
        if is_over:
            await self._move_on(record, number)
        return is_over

    async def _read_part(self, shard: ShardRecord) -> bytes:
        """Return the lines that earlier attempts have left."""
        if shard.part is None:
            return b""
        return await self._files.read_part(shard.bulk.id, shard.number, attempt=shard.part)

    async def _outcomes(
        self, shard: ShardRecord, items: Sequence[BulkItem], numbers: Sequence[int]
    ) -> Mapping[int, Outcome]:
        """Return the outcomes of items, without those that are worth another attempt.

        Raises:
            Problem: 503, the service is away.
        """
        fault = _fault(shard)
        if not items and fault is None:
            fault = _ABANDONED  # they were deleted
        if fault is not None:
            outcome = refused(fault, request_id=shard.bulk.request_id)
            return dict.fromkeys(numbers, outcome)
        content = await self._files.read_order(shard.bulk.id)
        stored = msgspec.msgpack.decode(content, type=StoredBulk)
        order = decode_order(stored.order, job=shard.bulk.id)
        loader = Loader(order, items, shard.first, sources=self._sources, url=stored.source)
        outcomes = await self._answer(order, numbers, loader)
        # Not where others were answered before: one image may bring a service down each time.
        if shard.part is None and all(_is_away(one) for one in outcomes.values()):
            raise Problem(503, "unavailable", "the service is away")
        is_last = shard.attempt == MAX_ATTEMPTS
        return {number: one for number, one in outcomes.items() if is_last or not one.is_passing}

    async def _move_on(self, record: BulkRecord, shard: int) -> None:
        """Have the next shard worked on, and delete the input of the one that is over."""
        following = record.published - 1
        if following < record.shards:
            await self._publisher.publish(record, {following: 1})
        if record.is_over:
            _log.info("bulk job ended", job=record.id, items=record.total, failed=record.failed)
            self._metrics.ended.labels(record.status).inc()
        with suppress(Problem):  # it is deleted with the job
            await self._files.delete_items(record.id, shard)


@define(eq=False)
class Loader:
    """Makes the items of a shard, each when it is its turn."""

    _order: Order  # of the bulk job, with its endpoint and parameters
    _items: Sequence[BulkItem]  # of the shard
    _first: int  # number of the first one
    _sources: Sources
    _url: str | None  # of the source that keys begin at

    async def __call__(self, number: int) -> Item:
        """Return the item of that number.

        Raises:
            Problem: it cannot be asked about.
        """
        given, template = self._items[number - self._first], self._order.items[0]
        if isinstance(template, Problem):
            raise template
        if given.fault is not None:
            status, code, message = given.fault
            raise Problem(status, code, message)
        if given.url is not None:
            request = msgspec.structs.replace(template.given.request, url=given.url)
            return Item(template.handler, Input(request, None))
        content = given.content
        if content is None and self._url is not None:
            source = self._sources.find(self._url, account=self._order.key.account)
            content = await source.read(given.key or "")
        media_type = require_image(
            content or b"", subject="the item is", or_pdf=template.handler.endpoint.takes_documents
        )
        name = clean_file_name(given.name.rpartition("/")[2])
        image = EncodedImage(content or b"", media_type, name)
        return Item(template.handler, Input(template.given.request, image))


def _fault(shard: ShardRecord) -> Problem | None:
    """Return why no item of the shard is worked on, None where they are."""
    if shard.attempt > MAX_ATTEMPTS:
        _log.error("shard given up", job=shard.bulk.id, shard=shard.number)
        return _ABANDONED
    return None if shard.is_paid else _UNPAID


def _is_away(outcome: Outcome) -> bool:
    return outcome.is_passing and outcome.status == _UNAVAILABLE


def _line(number: int, items: Sequence[BulkItem], first: int, outcome: Outcome) -> BulkLine:
    name = items[number - first].name if items else ""
    return BulkLine(number, name, outcome.status, msgspec.Raw(without_queries(outcome.body)))
