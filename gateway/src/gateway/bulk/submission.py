"""Submission of bulk jobs: items are cut into shards as they arrive, and then worked on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

from attrs import define, field

from gateway.accounts.ledger import Ledger
from gateway.bulk.files import BulkFiles
from gateway.bulk.items import BulkItem, shards_of
from gateway.bulk.records import BulkRecord
from gateway.bulk.store import WINDOW, BulkPublisher, BulkStore
from gateway.jobs.engine import CANCELLED, JobEngine
from gateway.periodic import uncut
from gateway.problems import Problem
from servicekit.turns import FairSemaphore, reserve_of

_RECEIVED_AT_ONCE: Final = 4  # each has a thread, and one shard in memory
_PIECE_TIMEOUT_S: Final = 600.0  # a thread never waits longer, whatever becomes of the event loop

# Returns the items, given the pieces of the file; it runs in a thread.
ReadItems: TypeAlias = Callable[[Iterator[bytes]], Iterator[BulkItem]]
TakeShard: TypeAlias = Callable[[list[BulkItem]], Coroutine[Any, Any, None]]


@define(eq=False)
class BulkJobs:
    """Takes and deletes bulk jobs."""

    store: BulkStore
    files: BulkFiles
    engine: JobEngine
    publisher: BulkPublisher
    _credit: Ledger
    _places: FairSemaphore = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)

    def __attrs_post_init__(self) -> None:
        most = _RECEIVED_AT_ONCE
        self._places = FairSemaphore(most, reserved=reserve_of(most))
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="bulk")

    async def estimate(
        self, account: str, endpoint: str, read: ReadItems, content: AsyncIterator[bytes]
    ) -> tuple[int, int]:
        """Return the number of items and their price.

        Raises:
            Problem: as `submit` for the items.
        """
        counts = []

        async def count(shard: list[BulkItem]) -> None:
            counts.append(len(shard))

        async with self._place(account):
            await self._cut(read, content, count)
        return sum(counts), self._credit.price(endpoint, units=sum(counts))

    async def submit(
        self,
        bulk: str,
        account: str,
        endpoint: str,
        read: ReadItems,
        content: AsyncIterator[bytes],
        *,
        order: bytes,
        request_id: str,
    ) -> BulkRecord:
        """Store the items and have them worked on.

        Raises:
            Problem: 400, there are none; 406; 409; 413; 429, there are too many jobs; 507; 503.
        """
        self.engine.check()
        number = 0

        async def add(shard: list[BulkItem]) -> None:
            nonlocal number
            size_bytes = await self.files.write_items(bulk, number, shard)
            await self.store.add_shard(bulk, account, items=len(shard), size_bytes=size_bytes)
            number += 1

        async with self._place(account):
            await self.store.open(bulk, account, request_id=request_id, endpoint=endpoint)
            try:
                await self.files.write_order(bulk, order)
                await self._cut(read, content, add)
                record = await self.store.complete(bulk)
            except BaseException:
                with suppress(Problem):  # it expires
                    await uncut(self.delete(bulk))
                raise
        await self.publisher.publish(record, dict.fromkeys(range(min(number, WINDOW)), 1))
        return record

    async def cancel(self, bulk: str) -> None:
        """End and delete a bulk job."""
        await self.delete(bulk)
        await self.engine.tell(CANCELLED, bulk)

    def close(self) -> None:
        """End the threads once they are idle."""
        self._threads.shutdown(wait=False)

    async def delete(self, bulk: str) -> None:
        """Delete a bulk job and its files."""
        await self.store.delete(bulk)
        await self.files.delete(bulk)

    @asynccontextmanager
    async def _place(self, account: str) -> AsyncIterator[None]:
        if not self._places.is_free(account):
            message = "too many bulk jobs are being received; try again later"
            raise Problem(429, "overloaded", message)
        async with self._places.held(account):
            yield

    async def _cut(self, read: ReadItems, content: AsyncIterator[bytes], take: TakeShard) -> None:
        """Read the items in a thread and hand each shard over in the event loop."""
        loop = asyncio.get_running_loop()

        def pieces() -> Iterator[bytes]:
            while True:
                coming = asyncio.run_coroutine_threadsafe(_next(content), loop)
                piece = coming.result(_PIECE_TIMEOUT_S)
                if piece is None:
                    return
                yield piece

        def work() -> None:
            coming = pieces()
            for shard in shards_of(read(coming)):
                asyncio.run_coroutine_threadsafe(take(shard), loop).result(_PIECE_TIMEOUT_S)
            for _ in coming:  # an upload that breaks off behind its last item is refused too
                pass

        await loop.run_in_executor(self._threads, work)


async def _next(content: AsyncIterator[bytes]) -> bytes | None:
    return await anext(content, None)
