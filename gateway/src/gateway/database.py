"""The gateway's tables and how its database is opened."""

from sqlalchemy import Column, DateTime, MetaData, String, Table, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateIndex, CreateTable

MAX_ACCOUNT_CHARACTERS = 100

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
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _tune_sqlite)
    async with engine.begin() as connection:
        # Not create_all: it looks first, and two processes that start at once both see nothing.
        for table in METADATA.sorted_tables:
            await connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                await connection.execute(CreateIndex(index, if_not_exists=True))
    return engine


def _tune_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # Readers and the command line do not block each other; a writer waits instead of failing.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
