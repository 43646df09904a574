"""Coloured pictures, hosted under an unguessable name until they expire."""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from obstore.store import LocalStore
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database import RESULTS
from gateway.keys import Clock, utc_now

_EXTENSIONS = {"image/jpeg": "jpeg", "image/png": "png"}
_MAX_STEM = 60  # characters of the caller's file name that the URL keeps
_SWEEP = 1000  # files deleted in one go; SQLite takes 32,766 values in a statement
_TOKEN_BYTES = 16  # 128 bits: nobody guesses a name

# What a file name may keep: letters, digits, dot, dash and underscore of ASCII.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Result:
    """A hosted picture.

    Attributes:
        media_type: "image/jpeg" or "image/png".
        seconds_left: time until it expires, in seconds.
        content: its bytes, in pieces.
    """

    media_type: str
    seconds_left: float
    content: AsyncIterator[bytes]


class ResultStore:
    """Hosted pictures: bytes in a folder, expiry in the database.

    Args:
        engine: the gateway's database.
        folder: where the bytes are; made where missing.
        lifetime: how long a picture is hosted.
        clock: gives the time now, UTC without a zone.
    """

    def __init__(
        self, engine: AsyncEngine, folder: Path, *, lifetime: timedelta, clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._store = LocalStore(folder, mkdir=True)
        self._lifetime = lifetime
        self._clock = clock

    async def save(
        self, content: bytes, *, account: str, media_type: str, original_name: str
    ) -> str:
        """Host `content` and return its name: a token, the cleaned original name, an extension."""
        name = f"{secrets.token_hex(_TOKEN_BYTES)}-{_stem(original_name)}.{_EXTENSIONS[media_type]}"
        row = {
            "name": name,
            "account": account,
            "media_type": media_type,
            "expires_at": self._clock() + self._lifetime,
        }
        # The row first: a file without a row would never be swept.
        async with self._engine.begin() as connection:
            await connection.execute(insert(RESULTS).values(row))
        await self._store.put_async(name, content, mode="create")
        return name

    async def open(self, name: str) -> Result | None:
        """Return the picture of that name, None where there is none or it has expired."""
        async with self._engine.connect() as connection:
            found = await connection.execute(select(RESULTS).where(RESULTS.c.name == name))
        row = found.one_or_none()
        seconds_left = (row.expires_at - self._clock()).total_seconds() if row else 0.0
        if row is None or seconds_left <= 0:
            return None
        try:
            answer = await self._store.get_async(name)
        except FileNotFoundError:
            return None
        return Result(row.media_type, seconds_left, _pieces(answer.stream()))

    async def sweep(self) -> int:
        """Delete what has expired and return how many pictures that were."""
        count = 0
        while names := await self._expired_names():
            for name in names:
                await self._delete_file(name)
            async with self._engine.begin() as connection:
                await connection.execute(delete(RESULTS).where(RESULTS.c.name.in_(names)))
            count += len(names)
        return count

    async def _expired_names(self) -> list[str]:
        async with self._engine.connect() as connection:
            found = await connection.execute(
                select(RESULTS.c.name).where(RESULTS.c.expires_at <= self._clock()).limit(_SWEEP)
            )
        return [row.name for row in found]

    async def _delete_file(self, name: str) -> None:
        try:
            await self._store.delete_async(name)
        except FileNotFoundError:
            return


def _stem(original_name: str) -> str:
    file_name = original_name.rpartition("/")[2]
    stem = file_name.rpartition(".")[0] or file_name
    return _UNSAFE.sub("-", stem)[:_MAX_STEM].strip("-.") or "image"


async def _pieces(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in stream:
        yield bytes(piece)
