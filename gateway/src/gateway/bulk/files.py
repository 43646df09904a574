"""Files of bulk jobs in the object store: an order, the items of each shard, and its output."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
from attrs import define
from obstore.store import ObjectStore

from gateway.bulk.items import BulkItem
from gateway.hosting.results import read_object, store_at_work

_FOLDER: Final = "bulk-jobs"
_DELETED_AT_ONCE: Final = 1000  # what S3 takes in one request


@define(eq=False)
class BulkFiles:
    """Files of bulk jobs; every method raises a Problem, 503, where the store is away."""

    _store: ObjectStore

    async def write_order(self, bulk: str, content: bytes) -> None:
        """Store the order of a bulk job."""
        await self._write(f"{_FOLDER}/{bulk}/order", content)

    async def read_order(self, bulk: str) -> bytes:
        """Return the order of a bulk job."""
        return await read_object(self._store, f"{_FOLDER}/{bulk}/order") or b""

    async def write_items(self, bulk: str, shard: int, items: Sequence[BulkItem]) -> int:
        """Store the items of a shard and return how many bytes that are."""
        content = msgspec.msgpack.encode(items)
        await self._write(_items_path(bulk, shard), content)
        return len(content)

    async def read_items(self, bulk: str, shard: int) -> tuple[list[BulkItem], int]:
        """Return the items of a shard, none where they were deleted, and their size in bytes."""
        content = await read_object(self._store, _items_path(bulk, shard))
        if content is None:
            return [], 0
        return msgspec.msgpack.decode(content, type=list[BulkItem]), len(content)

    async def delete_items(self, bulk: str, shard: int) -> None:
        """Delete the items of a shard that is over."""
        with store_at_work(), suppress(FileNotFoundError):
            await self._store.delete_async(_items_path(bulk, shard))

    async def write_part(self, bulk: str, shard: int, *, attempt: int, content: bytes) -> None:
        """Store the output of an attempt at a shard."""
        await self._write(_part_path(bulk, shard, attempt), content)

    async def read_part(self, bulk: str, shard: int, *, attempt: int) -> bytes:
        """Return the output of an attempt at a shard; empty where it was deleted."""
        return await read_object(self._store, _part_path(bulk, shard, attempt)) or b""

    async def delete(self, bulk: str) -> None:
        """Delete all files of a bulk job."""
        with store_at_work():
            async for page in self._store.list(f"{_FOLDER}/{bulk}/", chunk_size=_DELETED_AT_ONCE):
                with suppress(FileNotFoundError):
                    await self._store.delete_async([entry["path"] for entry in page])

    async def jobs(self) -> list[str]:
        """Return the ids of all bulk jobs that have files."""
        with store_at_work():
            found = await self._store.list_with_delimiter_async(_FOLDER)
        return [path.rpartition("/")[2] for path in found["common_prefixes"]]

    async def _write(self, path: str, content: bytes) -> None:
        with store_at_work():
            await self._store.put_async(path, content)


def _items_path(bulk: str, shard: int) -> str:
    return f"{_FOLDER}/{bulk}/items-{shard}"


def _part_path(bulk: str, shard: int, attempt: int) -> str:
    return f"{_FOLDER}/{bulk}/output-{shard}-{attempt}"
