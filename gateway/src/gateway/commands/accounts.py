"""`imagemesh accounts create|list|credit|usage|erase`: accounts, their credits and their data."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter, Token
from sqlalchemy.ext.asyncio import AsyncEngine

from commandkit.cli import SUCCESS, new_app
from contract.lookups import Usage
from gateway.accounts.accounts import MAX_CREDITS, Account, AccountStore, check_amount
from gateway.accounts.erasure import erase_rows, forget_deleted, rows_left
from gateway.accounts.usage import UsageBook
from gateway.bulk.files import BulkFiles
from gateway.bulk.upkeep import bulks_of
from gateway.commands.terminal import (
    DATABASE,
    AccountName,
    Database,
    fail,
    minute,
    print_json,
    print_line,
    print_table,
)
from gateway.hosting.results import ResultStore, open_store
from gateway.jobs.backlog import Backlog
from gateway.jobs.inputs import JobInputs
from gateway.settings import GatewaySettings
from servicekit.settings import load_settings

APP = new_app("accounts", help="Make accounts, give them credits, show their usage and erase them.")

_UNMETERED = "unmetered"


def _amount(_: object, tokens: Sequence[Token]) -> int:
    amount = int(tokens[0].value)  # cyclopts would round 1.5
    check_amount(amount)
    return amount


Amount = Annotated[int, Parameter(converter=_amount)]


@APP.command
async def create(name: AccountName, /, *, database: Database = DATABASE) -> int:
    """Add an account, which is not metered at first.

    Args:
        name: Name of the account.
    """
    async with database.open() as engine:
        is_new = await AccountStore(engine).create(name)
    if not is_new:
        return fail(f"there is an account {name} already")
    return database.print({"created": name}, f"created {name}")


@APP.command(name="list")
async def list_accounts(*, database: Database = DATABASE) -> int:
    """Print every account and its balance."""
    async with database.open() as engine:
        found = await AccountStore(engine).list_accounts()
    return print_json(found) if database.json else _print_accounts(found)


@APP.command
async def credit(name: AccountName, amount: Amount, /, *, database: Database = DATABASE) -> int:
    """Add credits; from the first time on, the account pays for what it asks.

    Args:
        name: Name of the account.
        amount: Number of credits; below zero takes some back.
    """
    async with database.open() as engine:
        accounts = AccountStore(engine)
        if not await accounts.exists(name):
            return _unknown(name)
        balance = await accounts.credit(name, amount)
    if balance is None:
        return fail(f"the balance must stay between 0 and {MAX_CREDITS}; nothing was changed")
    line = f"the balance of {name} is {balance}"
    return database.print({"name": name, "balance": balance}, line)


@APP.command
async def usage(name: AccountName, /, *, database: Database = DATABASE) -> int:
    """Print what an account did in the last 31 days.

    Args:
        name: Name of the account.
    """
    async with database.open() as engine:
        if not await AccountStore(engine).exists(name):
            return _unknown(name)
        found = await UsageBook(engine).report(name)
    return print_json(found) if database.json else _print_usage(found)


@APP.command
async def erase(name: AccountName, /, *, yes: bool = False, database: Database = DATABASE) -> int:
    """Delete the account, its keys, results, jobs, answers, usage and ledger.

    Args:
        name: Name of the account.
        yes: Delete; without it only count.
    """
    async with database.open() as engine:
        if not await AccountStore(engine).exists(name):
            return _unknown(name)
        if not yes:
            found = await rows_left(engine, name)
            return _print_rows(name, found, database, words="would be deleted; say --yes")
        deleted = await _erase(engine, name)
        left = await rows_left(engine, name)
    _print_rows(name, deleted, database, words="deleted")
    if any(left.values()):
        return fail(f"rows of {name} are left; is a request of it running? try again")
    return SUCCESS if database.json else print_line("nothing is left")


async def _erase(engine: AsyncEngine, name: str) -> dict[str, int]:
    """Delete everything of an account, and return the number of rows of each table."""
    settings = load_settings(GatewaySettings)
    store = open_store(settings.results_url, folder=settings.results_dir)
    files = await ResultStore(engine, store, lifetime=timedelta()).erase(name)
    inputs, backlog = JobInputs(engine, store), Backlog(engine)
    while jobs := await backlog.with_input(name):
        for job in jobs:
            await inputs.delete(job)
    for bulk in await bulks_of(engine, name):
        await BulkFiles(store).delete(bulk)
    deleted = await erase_rows(engine, name)
    await forget_deleted(engine)
    return {**deleted, "results": files}


def _unknown(name: str) -> int:
    return fail(f"there is no account {name}; imagemesh accounts list shows all")


def _print_rows(name: str, rows: Mapping[str, int], database: Database, *, words: str) -> int:
    if database.json:
        return print_json({"account": name, "rows": rows})
    for rows_of, count in rows.items():
        print_line(f"{rows_of}: {count} {words}")
    return SUCCESS


def _print_accounts(found: Sequence[Account]) -> int:
    rows = [
        (_balance(account.balance), str(account.held), minute(account.created_at), account.name)
        for account in found
    ]
    return print_table(("BALANCE", "HELD", "CREATED", "ACCOUNT"), rows)


def _print_usage(usage: Usage) -> int:
    print_line(f"balance {_balance(usage.balance)}, held {usage.held}, spent {usage.spent}")
    rows = [(str(day.day), str(day.requests), str(day.credits), day.endpoint) for day in usage.days]
    return print_table(("DAY", "REQUESTS", "CREDITS", "ENDPOINT"), rows)


def _balance(balance: int | None) -> str:
    return _UNMETERED if balance is None else str(balance)
