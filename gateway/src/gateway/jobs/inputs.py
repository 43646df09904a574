"""Inputs of jobs in the object store, where they stay until their job has ended."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define
from obstore.store import ObjectStore
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.engine import transaction
from gateway.database.tables import JOBS
from gateway.hosting.results import read_object, store_at_work

_FOLDER: Final = "job-inputs"
_ORPHANED_AFTER: Final = timedelta(hours=1)  # far more than passes between an input and its row


@define(eq=False)
class JobInputs:
    """Inputs of jobs, one object each; the row of a job says how large its input is.

    Every method raises a Problem, 503, where the store is away.
    """

    _engine: AsyncEngine
    _store: ObjectStore

    async def write(self, job: str, content: bytes) -> None:
        """Store the input of a job."""
        with store_at_work():
            await self._store.put_async(_path(job), content, mode="create")

    async def read(self, job: str) -> bytes | None:
        """Return the input of a job, None where it was deleted."""
        return await read_object(self._store, _path(job))

    async def delete(self, job: str) -> None:
        """Delete the input of a job, where it is there."""
        with store_at_work(), suppress(FileNotFoundError):
            await self._store.delete_async(_path(job))
        async with transaction(self._engine) as connection:
            gone = update(JOBS).where(JOBS.c.id == job).values(input_bytes=None)
            await connection.execute(gone)

    async def old(self) -> list[str]:
        """Return the jobs whose inputs are there for so long that they should have a row."""
        before = datetime.now(UTC) - _ORPHANED_AFTER
        with store_at_work():
            return [
                entry["path"].rpartition("/")[2]
                async for page in self._store.list(_FOLDER)
                for entry in page
                if entry["last_modified"] < before
            ]


def _path(job: str) -> str:
    return f"{_FOLDER}/{job}"
