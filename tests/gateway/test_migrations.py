"""Migrations: they make the tables that the code knows, and lose nothing of an older database."""

from collections.abc import Sequence

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.database.engine import open_database
from gateway.database.migrations import HEAD
from gateway.database.tables import METADATA

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


async def test_steps_make_the_tables_that_the_code_knows(url: str) -> None:
    engine = await open_database(url)

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert found == []


def test_head_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", "gateway.database:migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_database_of_the_first_release_is_adopted_and_loses_nothing(url: str) -> None:
    time = "DATETIME" if url.startswith("sqlite") else "TIMESTAMP"
    tables = FIRST_RELEASE.replace("TIME_", time).replace("DIGEST", DIGEST)
    await make(url, tables.split(";"))

    engine = await open_database(url)
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


async def test_revision_that_is_no_number_is_refused(url: str) -> None:
    await make(
        url,
        (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "INSERT INTO alembic_version VALUES ('of another program')",
        ),
    )

    with pytest.raises(CommandError, match="another program"):
        await open_database(url)
