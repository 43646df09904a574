"""Usage of an account: counted by day and endpoint, metered or not, and told by GET usage."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from contract.lookups import UsageOfDay
from gateway.accounts.accounts import AccountStore
from gateway.accounts.usage import REPORTED_DAYS, UsageBook
from gateway.database.engine import DatabaseUnavailable, open_database
from tests.gateway.running import Gateway, Hands, gateway_settings, running


@pytest.fixture
def usage(engine: AsyncEngine, clock: Hands) -> UsageBook:
    return UsageBook(engine, clock=clock)


async def test_free_requests_are_counted_by_day_and_endpoint(
    usage: UsageBook, clock: Hands
) -> None:
    usage.count("ada", endpoint="ocr", units=1)
    usage.count("bob", endpoint="ocr", units=5)
    await usage.flush()
    usage.count("ada", endpoint="ocr", units=2)
    usage.count("ada", endpoint="classify", units=1)
    clock.now += timedelta(days=1)
    usage.count("ada", endpoint="ocr", units=1)

    report = await usage.report("ada")

    assert (report.account, report.balance, report.held, report.spent) == ("ada", None, 0, 0)
    assert report.days == [
        UsageOfDay(date(2026, 1, 2), "ocr", 1, 0),
        UsageOfDay(date(2026, 1, 1), "classify", 1, 0),
        UsageOfDay(date(2026, 1, 1), "ocr", 3, 0),
    ]


async def test_days_of_long_ago_are_not_told(usage: UsageBook, clock: Hands) -> None:
    usage.count("ada", endpoint="ocr", units=1)
    clock.now += timedelta(days=REPORTED_DAYS - 1)
    last = await usage.report("ada")
    clock.now += timedelta(days=1)

    gone = await usage.report("ada")

    assert (len(last.days), gone.days) == (1, [])


async def test_processes_add_to_the_same_counts(
    engine: AsyncEngine, usage: UsageBook, clock: Hands
) -> None:
    other = UsageBook(engine, clock=clock)
    for book in (usage, other):
        book.count("ada", endpoint="ocr", units=2)
        await book.flush()

    assert [day.requests for day in (await usage.report("ada")).days] == [4]


async def test_counts_are_kept_while_the_database_is_away(tmp_path: Path, clock: Hands) -> None:
    """A folder stands where the file should be, and then it does not."""
    path = tmp_path / "gateway.db"
    engine = await open_database(f"sqlite+aiosqlite:///{path}")
    usage = UsageBook(engine, clock=clock)
    usage.count("ada", endpoint="ocr", units=2)
    await engine.dispose()
    path.rename(tmp_path / "away.db")
    path.mkdir()
    with pytest.raises(DatabaseUnavailable):
        await usage.flush()
    await engine.dispose()
    path.rmdir()
    (tmp_path / "away.db").rename(path)

    report = await usage.report("ada")
    await engine.dispose()

    assert [day.requests for day in report.days] == [2]


async def test_caller_sees_the_usage_of_its_account(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    settings = gateway_settings(tmp_path, prices="ocr=3", **addresses)
    async with running(settings) as gateway:
        free = await gateway.look("classify")
        unmetered = (await gateway.get("/api/v1/usage")).json["result"]
        await credit(gateway, 9)
    async with running(settings) as gateway:
        for endpoint in ("ocr", "ocr", "classify"):
            await gateway.look(endpoint)
        refused = await gateway.look("ocr")
        failed = await gateway.look("classify", b"bug")
        metered = (await gateway.get("/api/v1/usage")).json["result"]

    assert (free.status, refused.status, failed.status) == (200, 406, 500)
    assert (unmetered["balance"], unmetered["spent"]) == (None, 0)
    assert [(day["endpoint"], day["requests"]) for day in unmetered["days"]] == [("classify", 1)]
    assert (metered["balance"], metered["held"], metered["spent"]) == (2, 0, 7)
    days = [(day["endpoint"], day["requests"], day["credits"]) for day in metered["days"]]
    assert days == [("classify", 2, 1), ("ocr", 2, 6)]


async def credit(gateway: Gateway, amount: int) -> None:
    engine = await open_database(gateway.settings.database_url)
    await AccountStore(engine).credit("tests", amount)
    await engine.dispose()
