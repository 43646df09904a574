"""Results, colored images and PDFs, hosted under an unguessable name until they expire."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from attrs import define
from obstore.exceptions import BaseError as ObstoreError
from obstore.store import LocalStore, ObjectStore, from_url
from sqlalchemy import Select, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.storage import UNLIMITED, Storage
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import transaction
from gateway.database.tables import RESULTS
from gateway.problems import Problem

_EXTENSIONS = {"image/jpeg": "jpeg", "image/png": "png", "application/pdf": "pdf"}
_MAX_STEM = 60  # characters of the caller's file name that the URL keeps
_SWEEP = 1000  # files deleted in one go; SQLite takes 32,766 values in a statement
_TOKEN_BYTES = 16  # 128 bits: nobody guesses a name

# A bucket that is away is an answer too, long before the request's own time is over.
_RETRY_TIMEOUT = timedelta(seconds=10)
_MAX_RETRIES = 2
_PROBE_S = 1.0  # as long as a probe of Kubernetes waits by default

# What a file name may keep: letters, digits, dot, dash and underscore of ASCII.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

# A name that `save` can have made; others need not be looked up, and some cannot be.
_NAME = re.compile(r"[0-9a-f]{32}-[A-Za-z0-9._-]{1,60}\.(jpeg|png|pdf)")


@dataclass(frozen=True, slots=True)
class Result:
    """A hosted image or PDF."""

    media_type: str  # "image/jpeg", "image/png" or "application/pdf"
    seconds_left: float  # time until it expires, in seconds
    content: AsyncIterator[bytes]


def open_store(url: str, *, folder: Path) -> ObjectStore:
    """Return the store of results at `url`, such as s3://bucket/results; the folder where empty.

    Keys of S3 and an endpoint other than Amazon's come from the usual AWS_ variables.
    """
    if not url:
        return LocalStore(folder, mkdir=True)
    # No client_options: with any, obstore leaves out those of the environment.
    return from_url(
        url, retry_config={"max_retries": _MAX_RETRIES, "retry_timeout": _RETRY_TIMEOUT}
    )


@define(eq=False)
class ResultStore:
    """Hosted results: bytes in a store of objects, owner and expiry in the database."""

    _engine: AsyncEngine
    _store: ObjectStore
    _lifetime: timedelta
    _clock: Clock = utc_now
    _storage: Storage = UNLIMITED

    async def save(
        self,
        content: bytes,
        *,
        account: str,
        media_type: str,
        original_name: str,
        endpoint: str | None = None,
        lifetime: timedelta | None = None,
    ) -> str:
        """Host `content` and return its name: a token, the cleaned original name, an extension.

        Args:
            content: the whole file.
            account: who may delete it.
            media_type: "image/jpeg", "image/png" or "application/pdf".
            original_name: what the caller calls what it was made of.
            endpoint: name of the endpoint that made it.
            lifetime: how long it is hosted; as long as any other when left out.

        Raises:
            Problem: 503, the database or the store is away; 507, the account or the disk is full.
        """
        name = f"{secrets.token_hex(_TOKEN_BYTES)}-{_stem(original_name)}.{_EXTENSIONS[media_type]}"
        row = {
            "name": name,
            "account": account,
            "media_type": media_type,
            "expires_at": self._clock() + (lifetime or self._lifetime),
            "endpoint": endpoint,
            "size_bytes": len(content),
        }
        # The row first: a file without a row would never be swept.
        async with transaction(self._engine) as connection:
            await self._storage.check(connection, account, size_bytes=len(content))
            await connection.execute(insert(RESULTS).values(row))
        with store_at_work():
            await self._store.put_async(name, content, mode="create")
        self._storage.count(len(content))
        return name

    async def open(self, name: str) -> Result | None:
        """Return the result of that name, None where there is none or it has expired."""
        if not _NAME.fullmatch(name):
            return None
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(RESULTS).where(RESULTS.c.name == name))
            row = found.one_or_none()
        seconds_left = (row.expires_at - self._clock()).total_seconds() if row else 0.0
        if row is None or seconds_left <= 0:
            return None
        try:
            with store_at_work():
                answer = await self._store.get_async(name)
        except FileNotFoundError:
            return None
        return Result(row.media_type, seconds_left, _pieces(answer.stream()))

    async def delete(
        self, name: str, *, account: str, scopes: Collection[str] | None = None
    ) -> bool:
        """Delete that result of the account; return False where it has none of that name.

        Args:
            name: of the result.
            account: whose it is.
            scopes: of the key; a result of another endpoint is as if it were not there.
        """
        if not _NAME.fullmatch(name):
            return False
        mine = [RESULTS.c.name == name, RESULTS.c.account == account]
        if scopes is not None:
            mine.append(RESULTS.c.endpoint.in_(scopes))
        living = select(RESULTS.c.name).where(*mine, RESULTS.c.expires_at > self._clock())
        async with transaction(self._engine) as connection:
            if (await connection.execute(living)).one_or_none() is None:
                return False
        # The bytes first: what is left of a delete that fails half-way is found by the sweep.
        with store_at_work():
            await self._delete_file(name)
        async with transaction(self._engine) as connection:
            await connection.execute(delete(RESULTS).where(*mine))
        return True

    async def is_available(self) -> bool:
        """Return whether the folder can be written, or the bucket answers."""
        if isinstance(self._store, LocalStore):
            return os.access(self._store.prefix or "/", os.W_OK)
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._store.head_async("readyz")
        except FileNotFoundError:
            return True
        except (ObstoreError, TimeoutError):
            return False
        return True

    async def erase(self, account: str) -> int:
        """Delete all results of an account and return how many that were."""
        count = 0
        some = select(RESULTS.c.name).where(RESULTS.c.account == account).limit(_SWEEP)
        while names := await self._names(some):
            await self._delete_all(names)
            count += len(names)
        return count

    async def sweep(self) -> int:
        """Delete what has expired and return how many results that were."""
        count = 0
        expired = select(RESULTS.c.name).where(RESULTS.c.expires_at <= self._clock()).limit(_SWEEP)
        while names := await self._names(expired):
            await self._delete_all(names)
            count += len(names)
        return count

    async def _names(self, which: Select[tuple[str]]) -> list[str]:
        async with transaction(self._engine) as connection:
            return [row.name for row in await connection.execute(which)]

    async def _delete_all(self, names: Sequence[str]) -> None:
        for name in names:
            await self._delete_file(name)
        async with transaction(self._engine) as connection:
            await connection.execute(delete(RESULTS).where(RESULTS.c.name.in_(names)))

    async def _delete_file(self, name: str) -> None:
        with suppress(FileNotFoundError):
            await self._store.delete_async(name)


@contextmanager
def store_at_work() -> Iterator[None]:
    """Make a Problem of what the store says, but for FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (ObstoreError, OSError) as error:
        message = "the store of results and jobs is away; try again later"
        raise Problem(503, "unavailable", message) from error


async def read_object(store: ObjectStore, path: str) -> bytes | None:
    """Return an object, None where there is none.

    Raises:
        Problem: 503, the store is away.
    """
    try:
        with store_at_work():
            return bytes(await (await store.get_async(path)).bytes_async())
    except FileNotFoundError:
        return None


def _stem(original_name: str) -> str:
    file_name = original_name.rpartition("/")[2]
    stem = file_name.rpartition(".")[0] or file_name
    return _UNSAFE.sub("-", stem)[:_MAX_STEM].strip("-.") or "image"


async def _pieces(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in stream:
        yield bytes(piece)
