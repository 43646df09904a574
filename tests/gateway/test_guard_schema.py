"""Rollouts and rollbacks: an older release works on a newer schema, and a newer one on an older."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from importlib import resources

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.usage import UsageBook
from gateway.database.engine import open_database
from gateway.database.migrations import HEAD
from tests.gateway.job_stores import add_job, end_job, job_store

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
