"""The gateway's database: opening, migration and transactions."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from importlib import resources
from typing import Any

from alembic import command
from alembic.config import Config
from asyncpg import PostgresError  # type: ignore[import-untyped]  # it ships no types
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, Table, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.database.migrations import FIRST, HEAD
from gateway.problems import Problem
from servicekit.logs import get_logger
from servicekit.telemetry import DatabaseMetrics
from servicekit.turns import CALLER, FairSemaphore

# For another process that writes, for a connection to a server, and for one of its pool.
_MOST_WAIT_S = 5
_MOST_STATEMENT_S = 30  # far above any statement of the gateway
_ASK_AGAIN_S = 0.02  # the switch to WAL takes a few milliseconds

_REVISION = re.compile(r"[0-9]{4}")  # numbers of four digits, so that text compares as they do

# Any number that no other user of a shared PostgreSQL database locks: "imagemesh" in ASCII, cut.
_MIGRATION_LOCK = 0x696D6167656D6573

# Faults of a statement; everything else that a driver raises is a fault of the database.
_BUGS = (DataError, IntegrityError, ProgrammingError)

_METRICS, _TURNS = "imagemesh_metrics", "imagemesh_turns"  # options of the engine

# What SQLite, PostgreSQL and `_turn` say, in parts of their messages.
_AWAY = "no database"
_STATES = {
    "no connection was free": "database busy",
    "is locked": "database busy",
    "is full": "database full",
    "No space left": "database full",
    "readonly": "database read-only",
    "read-only": "database read-only",
    "malformed": "database corrupt",
    "not a database": "database corrupt",
}

_log = get_logger("database")


class DatabaseUnavailable(Problem):
    """The database is away, or too busy to answer in time; 503.

    Attributes:
        reason: what the driver said, for logs.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(503, "unavailable", "the gateway's database is away; try again later")
        self.reason = reason

    @property
    def state(self) -> str:
        """The database's state for operators, without addresses and paths."""
        return next((state for word, state in _STATES.items() if word in self.reason), _AWAY)


async def open_database(url: str, *, metrics: DatabaseMetrics | None = None) -> AsyncEngine:
    """Return an engine for `url` whose tables are up to date; dispose of it when done.

    Args:
        url: of the database.
        metrics: of its transactions.

    Raises:
        DatabaseUnavailable: there is no database at `url`, or it does not answer.
    """
    # Parameters are what callers sent and were answered: no place for them in logs.
    pool = _options(url)
    own = {
        _METRICS: metrics or DatabaseMetrics(CollectorRegistry()),
        _TURNS: FairSemaphore(pool["pool_size"]),
    }
    engine = create_async_engine(url, hide_parameters=True, execution_options=own, **pool)
    try:
        with _faults():
            await _prepare(engine)
    except BaseException:
        await engine.dispose()
        raise
    return engine


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection; what was done with it is kept where the context ends well.

    Accounts whose transactions wait for a connection take turns.

    Raises:
        DatabaseUnavailable: nothing was done, or nobody knows.
    """
    options = engine.get_execution_options()
    metrics: DatabaseMetrics = options[_METRICS]
    try:
        with _faults(), ExitStack() as waiting:
            waiting.enter_context(metrics.waiting.track_inprogress())
            async with _turn(options[_TURNS]), engine.connect() as connection:
                waiting.close()
                with metrics.in_use.track_inprogress(), metrics.seconds.time():
                    async with connection.begin():
                        yield connection
    except DatabaseUnavailable as error:
        metrics.failures.labels(error.state).inc()
        raise


@asynccontextmanager
async def _turn(turns: FairSemaphore) -> AsyncIterator[None]:
    """Hold a place at the connections, when it is the caller's turn."""
    caller = CALLER.get()
    try:
        async with asyncio.timeout(_MOST_WAIT_S):
            await turns.acquire(caller)
    except TimeoutError:
        raise NoConnectionFree(f"no connection was free within {_MOST_WAIT_S} s") from None
    try:
        yield
    finally:
        turns.release(caller)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except _BUGS:
        raise
    # OSError and PostgresError: asyncpg could not connect, and SQLAlchemy wraps only what follows.
    except (DBAPIError, NoConnectionFree, PostgresError, OSError) as error:
        # Not the text of the error itself: it holds the statement.
        raise DatabaseUnavailable(str(getattr(error, "orig", error))) from error


async def check_writable(engine: AsyncEngine) -> None:
    """Write a row as it is: a database that can only be read answers no paid request.

    Raises:
        DatabaseUnavailable: it cannot be written; `state` says why.
    """
    async with transaction(engine) as connection:
        if connection.dialect.name == "sqlite":
            await connection.execute(text("PRAGMA shrink_memory"))  # or pages in memory would do
        await connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def upsert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT into `table` that can say what happens to a row that is there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


class _SqliteConnection(sqlite3.Connection):
    """Connection that frees its locks when it is closed.

    SQLite closes a connection with unfinished statements, such as of a transaction that was
    cancelled, only when Python has collected them; until then nobody else could write.
    """

    def close(self) -> None:
        """Roll back, then close."""
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


def _options(url: str) -> dict[str, Any]:  # Any: options of create_async_engine
    """Return the options of an engine: few connections, for more only wait for each other."""
    pool = {"max_overflow": 0, "pool_timeout": _MOST_WAIT_S}
    if not url.startswith("postgresql"):
        return {**pool, "pool_size": 2, "connect_args": {"factory": _SqliteConnection}}
    times = {"timeout": _MOST_WAIT_S, "command_timeout": _MOST_STATEMENT_S}
    return {**pool, "pool_size": 5, "connect_args": times}


async def _prepare(engine: AsyncEngine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _tune_sqlite)
        await _use_wal(engine)
    else:
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
    async with engine.connect() as connection:
        found = await connection.run_sync(_revision)
    if found == HEAD or _is_newer(found):
        return
    async with engine.connect() as connection:
        # Processes that start at once wait here for the first, and then find nothing to do.
        if engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        await connection.run_sync(_upgrade)
        await connection.commit()


def _is_newer(revision: str | None) -> bool:
    """Tell whether a newer release has made this schema; steps only add, so it serves this one too.

    Source: `gateway.database.migrations` says what a step may do.
    """
    if revision is None or not _REVISION.fullmatch(revision) or revision <= HEAD:
        return False
    _log.warning("database of a newer release", revision=revision, known=HEAD)
    return True


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(resources.files("gateway.database") / "migrations")
    )
    config.attributes["connection"] = connection
    found = _revision(connection)
    if _is_newer(found):  # made by another process while this one waited
        return
    if found is None and inspect(connection).has_table("api_keys"):
        command.stamp(config, FIRST)
    command.upgrade(config, HEAD)


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


def _refuse_closed(connection: DBAPIConnection, _: object, __: object) -> None:
    """Have the pool replace a connection that was closed, as by a restart of the server.

    SQLAlchemy's own way, pool_pre_ping, costs three round trips for each transaction.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _tune_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # A writer waits instead of failing.
    cursor.execute(f"PRAGMA busy_timeout={_MOST_WAIT_S * 1000}")
    cursor.execute("PRAGMA synchronous=NORMAL")
    # What was deleted must not be found in the file.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
