"""The database: opened by several processes at once, migrated, and used by several releases."""

import ast
import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from structlog.testing import capture_logs

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.usage import UsageBook
from gateway.database.clock import DatabaseClock, utc_now
from gateway.database.engine import check_writable, open_database, transaction
from gateway.database.migrations import HEAD
from gateway.database.tables import METADATA
from gateway.jobs.backlog import Backlog, Leftovers
from gateway.jobs.engine import JOBS
from servicekit.turns import CALLER
from tests.gateway.hang_ups import cut
from tests.gateway.job_stores import add_job, end_job, job_store
from tests.gateway.running import database_url
from tests.gateway.servers import Server, empty_database


async def test_tables_are_made_once_however_many_open_the_file_at_once(tmp_path: Path) -> None:
    """The gateway and `imagemesh keys` often start together on a fresh machine."""
    await open_eight_at_once(database_url(tmp_path))


async def test_tables_are_made_once_however_many_open_the_server_at_once(
    postgres_server: Server,
) -> None:
    url = empty_database(postgres_server)
    await make(url, NO_TABLES)
    await open_eight_at_once(url)


async def open_eight_at_once(url: str) -> None:
    opened = [open_database(url) for _ in range(8)]

    engines = await asyncio.gather(*opened, return_exceptions=True)

    assert [engine for engine in engines if not isinstance(engine, AsyncEngine)] == []
    for engine in engines:
        if isinstance(engine, AsyncEngine):
            await engine.dispose()


async def test_readers_and_a_writer_do_not_block_each_other(tmp_path: Path) -> None:
    engine = await open_database(database_url(tmp_path))

    async with engine.connect() as connection:
        mode = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
        wait_ms = (await connection.execute(text("PRAGMA busy_timeout"))).scalar_one()
    await engine.dispose()

    assert (mode, wait_ms) == ("wal", 5000)


async def test_transactions_that_are_cancelled_leave_no_lock(engine: AsyncEngine) -> None:
    """A caller who hangs up cancels them at any point; the next writer need not wait."""
    statement = text("UPDATE alembic_version SET version_num = version_num RETURNING version_num")

    async def write_twice() -> None:
        async with transaction(engine) as connection:
            await connection.execute(statement)
            await connection.execute(statement)

    for steps in range(0, 100, 3):
        await cut(write_twice(), after_steps=steps)
        async with asyncio.timeout(2):  # less than the wait for a lock
            await check_writable(engine)


async def test_accounts_take_turns_at_the_connections(engine: AsyncEngine) -> None:
    """Transactions of one account that wait do not hold up that of another."""
    order: list[str] = []

    async def use(account: str) -> None:
        CALLER.set(account)
        async with transaction(engine) as connection:
            order.append(account)
            await connection.execute(text("SELECT 1"))

    async with asyncio.TaskGroup() as group:
        for account in ["greedy"] * 30 + ["modest"]:
            group.create_task(use(account))

    assert order.index("modest") <= 6  # after those that had the connections, at most five


HOUR = timedelta(hours=1)
EXACTLY = timedelta(seconds=30)  # a busy machine may take its time between two statements


def slow() -> datetime:
    return utc_now() - HOUR


@pytest.fixture
async def clock(engine: AsyncEngine) -> DatabaseClock:
    """Return the clock of a gateway whose host is an hour behind."""
    made = DatabaseClock(engine, host=slow)
    await made.synchronize()
    return made


async def test_clock_of_a_host_that_is_behind_tells_the_time_of_the_database(
    clock: DatabaseClock,
) -> None:
    assert abs(clock() - utc_now()) < EXACTLY


async def test_job_of_a_host_that_is_behind_is_neither_lost_nor_expired_elsewhere(
    engine: AsyncEngine, clock: DatabaseClock
) -> None:
    """By its own clock it would be an hour old, and published again at once."""
    here, there = job_store(engine, clock=clock), job_store(engine)
    job = await add_job(here)
    backlog = Backlog(engine)

    assert await backlog.unpublished(JOBS) == []
    assert await backlog.leftovers() == Leftovers([], [])
    assert await there.start(job.id) is not None


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_wait_for_a_connection_of_the_pool_is_as_short_as_that_for_a_server(
    engine: AsyncEngine,
) -> None:
    assert engine.sync_engine.pool.timeout() == 5  # type: ignore[attr-defined]  # of QueuePool


NO_TABLES = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
KEY = "im_live_aB3dE6gH_0123456789abcdefghijABCDEFGHIJKL_b3KwDn"
DIGEST = "ed7ba1bee3583734095bace87e98ce5443c03ecd138c1785dcdead079633aa81"

# The tables as the first release made them, with a row in each.
FIRST_RELEASE = """
CREATE TABLE api_keys (id VARCHAR(8) NOT NULL, account VARCHAR(100) NOT NULL,
    digest VARCHAR(64) NOT NULL, created_at TIME_ NOT NULL, expires_at TIME_,
    revoked_at TIME_, PRIMARY KEY (id));
CREATE INDEX ix_api_keys_account ON api_keys (account);
CREATE TABLE results (name VARCHAR(200) NOT NULL, account VARCHAR(100) NOT NULL,
    media_type VARCHAR(50) NOT NULL, expires_at TIME_ NOT NULL, PRIMARY KEY (name));
CREATE INDEX ix_results_account ON results (account);
CREATE INDEX ix_results_expires_at ON results (expires_at);
INSERT INTO api_keys (id, account, digest, created_at)
    VALUES ('aB3dE6gH', 'ada', 'DIGEST', '2026-01-02 03:04:05.000006');
INSERT INTO results VALUES ('x-y.png', 'ada', 'image/png', '2126-01-01 00:00:00.000000')
"""


def differences(connection: Connection) -> list[str]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return [str(difference) for difference in compare_metadata(context, METADATA)]


async def make(url: str, statements: Sequence[str]) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


@pytest.fixture
async def bare_url(url: str) -> str:
    """Return the URL of a database without tables."""
    if url.startswith("postgresql"):
        await make(url, NO_TABLES)
    return url


async def test_steps_make_the_tables_that_the_code_knows(bare_url: str) -> None:
    engine = await open_database(bare_url)

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert found == []


def test_head_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", "gateway.database:migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_database_of_the_first_release_is_adopted_and_loses_nothing(bare_url: str) -> None:
    time = "DATETIME" if bare_url.startswith("sqlite") else "TIMESTAMP"
    tables = FIRST_RELEASE.replace("TIME_", time).replace("DIGEST", DIGEST)
    await make(bare_url, tables.split(";"))

    engine = await open_database(bare_url)
    key = await KeyStore(engine).check(KEY)
    accounts = await AccountStore(engine).list_accounts()
    async with engine.connect() as connection:
        results = (await connection.execute(text("SELECT name FROM results"))).scalars().all()
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert (key.account, key.scopes) == ("ada", None)
    assert [(account.name, account.balance) for account in accounts] == [("ada", None)]
    assert results == ["x-y.png"]
    assert found == []


async def test_revision_that_is_no_number_is_refused(bare_url: str) -> None:
    await make(
        bare_url,
        (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "INSERT INTO alembic_version VALUES ('of another program')",
        ),
    )

    with pytest.raises(CommandError, match="another program"):
        await open_database(bare_url)


# A step as a newer release may have it.
NEWER = (
    "ALTER TABLE api_keys ADD COLUMN color VARCHAR(10)",
    "ALTER TABLE jobs ADD COLUMN priority INTEGER DEFAULT 5 NOT NULL",
    "CREATE TABLE colors (name VARCHAR(10) PRIMARY KEY)",
    "UPDATE alembic_version SET version_num = '9999'",
)
ADDS = {"create_table", "create_index", "add_column"}

# Rows as releases up to revision 0003 write them: columns and values.
OLDER = {
    "api_keys": "(id, account, digest, created_at) "
    "VALUES ('aB3dE6gH', 'ada', 'd', '2026-01-01 00:00:00')",
    "results": "(name, account, media_type, expires_at) "
    "VALUES ('x-y.png', 'ada', 'image/png', '2126-01-01 00:00:00')",
    "holds": "(id, account, endpoint, units, amount, expires_at) "
    "VALUES ('h', 'ada', 'ocr', 1, 1, '2126-01-01 00:00:00')",
    "ledger": "(account, kind, amount, at) VALUES ('ada', 'charge', -1, '2026-01-01')",
    "idempotent_answers": "(account, key, fingerprint, token, expires_at) "
    "VALUES ('ada', 'k', 'f', 't', '2126-01-01 00:00:00')",
    "jobs": "(id, account, request_id, status, done, total, created_at, beat_at, expires_at, "
    "webhook_attempts) VALUES ('j', 'ada', 'r', 'queued', 0, 1, '2026-01-01 00:00:00', "
    "'2026-01-01 00:00:00', '2126-01-01 00:00:00', 0)",
}


async def run(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def test_release_works_on_the_schema_of_a_newer_one(engine: AsyncEngine, url: str) -> None:
    await run(engine, *NEWER)

    with capture_logs() as lines:
        opened = await open_database(url)
    keys = KeyStore(opened)
    key = await keys.check(await keys.create("ada"))
    await AccountStore(opened).credit("ada", 5)
    ledger = Ledger(opened, UsageBook(opened), prices={}, hold_for=timedelta(minutes=1))
    async with ledger.charge("ada", endpoint="ocr"):
        pass
    jobs = job_store(opened)
    await end_job(jobs, await add_job(jobs, account="bob"))
    (account,) = await AccountStore(opened).list_accounts()
    async with opened.connect() as connection:
        revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    await opened.dispose()

    assert (key.account, account.balance) == ("ada", 4)
    assert revision == "9999"
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("database of a newer release", "warning")
    ]


@pytest.mark.parametrize("table", OLDER)
async def test_release_before_the_newest_step_can_still_write(
    engine: AsyncEngine, table: str
) -> None:
    await run(engine, f"INSERT INTO {table} {OLDER[table]}")

    async with engine.connect() as connection:
        assert await connection.scalar(text(f"SELECT COUNT(*) FROM {table}")) == 1  # noqa: S608


def operations() -> Iterator[tuple[str, ast.Call]]:
    """Return the operations of alembic in all steps."""
    folder = resources.files("gateway.database.migrations") / "versions"
    for file in folder.iterdir():
        if not file.name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name("op"), attr=name)):
                    yield name, node


def test_steps_only_add() -> None:
    found = {name for name, _ in operations()} - {"execute"}

    assert found <= ADDS
    assert int(HEAD) >= 3


def test_columns_that_steps_add_may_be_left_out() -> None:
    for name, call in operations():
        if name != "add_column":
            continue
        column = call.args[1]
        assert isinstance(column, ast.Call)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in column.keywords}
        assert given.get("nullable") != "False" or "server_default" in given
