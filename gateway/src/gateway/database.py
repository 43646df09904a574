"""The gateway's tables and how its database is opened."""

import asyncio

from sqlalchemy import Column, DateTime, MetaData, String, Table, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateIndex, CreateTable

MAX_ACCOUNT_CHARACTERS = 100

_MOST_WAIT_S = 5  # for another process that writes
_ASK_AGAIN_S = 0.02  # the switch to WAL takes a few milliseconds

METADATA = MetaData()

KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(8), primary_key=True),
    Column("account", String(MAX_ACCOUNT_CHARACTERS), nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("expires_at", DateTime),
    Column("revoked_at", DateTime),
)

RESULTS = Table(
    "results",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("account", String(MAX_ACCOUNT_CHARACTERS), nullable=False, index=True),
    Column("media_type", String(50), nullable=False),
    Column("expires_at", DateTime, nullable=False, index=True),
)


async def open_database(url: str) -> AsyncEngine:
    """Return an engine for `url` whose tables exist; dispose of it when done.

    Times in the tables are UTC without a zone, because SQLite keeps none.
    """
    engine = create_async_engine(url)
    try:
        await _prepare(engine)
    except BaseException:
        await engine.dispose()
        raise
    return engine


async def _prepare(engine: AsyncEngine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _tune_sqlite)
        await _use_wal(engine)
    async with engine.begin() as connection:
        # Not create_all: it looks first, and two processes that start at once both see nothing.
        for table in METADATA.sorted_tables:
            await connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                await connection.execute(CreateIndex(index, if_not_exists=True))


async def _use_wal(engine: AsyncEngine) -> None:
    """Let readers and writers of a SQLite file not block each other; the file remembers it.

    The first process to ask switches the file, and to the others SQLite says "locked" at once,
    whatever their busy_timeout: so they ask again.
    """
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + _MOST_WAIT_S
    while True:
        try:
            async with engine.connect() as connection:
                await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except OperationalError:
            if loop.time() > give_up_s:
                raise
            await asyncio.sleep(_ASK_AGAIN_S)
        else:
            return


def _tune_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # A writer waits instead of failing.
    cursor.execute(f"PRAGMA busy_timeout={_MOST_WAIT_S * 1000}")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
