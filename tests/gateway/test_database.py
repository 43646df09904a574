"""The database file: opened by several processes at once, and tuned for that."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from gateway.database import open_database
from tests.gateway.running import database_url


@pytest.mark.parametrize("_round", range(25))
async def test_tables_are_made_once_however_many_open_the_file_at_once(
    tmp_path: Path, _round: int
) -> None:
    """The gateway and `imagemesh keys` often start together on a fresh machine.

    Many rounds, because the race for the switch to WAL is lost only now and then.
    """
    url = database_url(tmp_path)

    engines = await asyncio.gather(*(open_database(url) for _ in range(8)))

    async with engines[0].connect() as connection:
        names = await connection.run_sync(lambda inner: inspect(inner).get_table_names())
    assert names == ["api_keys", "results"]
    for engine in engines:
        await engine.dispose()


async def test_tables_have_their_indexes(tmp_path: Path) -> None:
    engine = await open_database(database_url(tmp_path))

    async with engine.connect() as connection:
        columns = await connection.run_sync(
            lambda inner: {
                index["column_names"][0]
                for table in ("api_keys", "results")
                for index in inspect(inner).get_indexes(table)
            }
        )
    await engine.dispose()

    assert columns == {"account", "expires_at"}


async def test_readers_and_a_writer_do_not_block_each_other(tmp_path: Path) -> None:
    engine = await open_database(database_url(tmp_path))

    async with engine.connect() as connection:
        mode = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
        wait_ms = (await connection.execute(text("PRAGMA busy_timeout"))).scalar_one()
    await engine.dispose()

    assert (mode, wait_ms) == ("wal", 5000)
