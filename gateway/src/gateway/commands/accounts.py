"""`imagemesh accounts create|list|credit|usage|erase`: accounts, their credits and their data."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from contract.lookups import Usage
from gateway.accounts.accounts import MAX_CREDITS, Account, AccountStore, check_amount
from gateway.accounts.erasure import erase_rows, forget_deleted, rows_left
from gateway.accounts.usage import UsageBook
from gateway.bulk.files import BulkFiles
from gateway.bulk.upkeep import bulks_of
from gateway.commands.terminal import (
    account_name,
    fail,
    minute,
    print_json,
    print_line,
    print_table,
    run,
    telling,
)
from gateway.hosting.results import ResultStore, open_store
from gateway.jobs.backlog import Backlog
from gateway.jobs.inputs import JobInputs
from gateway.settings import GatewaySettings
from servicekit.settings import load_settings

_UNMETERED = "unmetered"


def main(argv: Sequence[str]) -> int:
    """Make accounts, give them credits, show their usage and erase them."""
    return run(_parser(), argv, command=_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagemesh accounts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="add an account; nobody meters it at first")
    listing = commands.add_parser("list", help="print every account and its balance")
    credit = commands.add_parser(
        "credit", help="add credits; from the first time on, the account pays for what it asks"
    )
    usage = commands.add_parser("usage", help="print what an account did in the last 31 days")
    erase = commands.add_parser(
        "erase", help="delete the account, its keys, results, jobs, answers, usage and ledger"
    )
    erase.add_argument("--yes", action="store_true", help="delete; without it only count")
    for command in (create, credit, usage, erase):
        command.add_argument("name", type=account_name, help="name of the account")
    credit.add_argument("amount", type=_credits, help="how many; below zero takes some back")
    for command in (create, listing, credit, usage, erase):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


@telling
def _credits(text: str) -> int:
    amount = int(text)
    check_amount(amount)
    return amount


async def _run(engine: AsyncEngine, arguments: argparse.Namespace) -> int:
    accounts = AccountStore(engine)
    if arguments.command == "list":
        return _print_accounts(await accounts.list_accounts(), as_json=arguments.json)
    if arguments.command == "create":
        return await _create(accounts, arguments)
    if arguments.command == "erase":
        return await _erase(engine, arguments)
    if not await accounts.exists(arguments.name):
        return fail(f"there is no account {arguments.name}; imagemesh accounts list shows all")
    if arguments.command == "credit":
        return await _credit(accounts, arguments)
    return _print_usage(await UsageBook(engine).report(arguments.name), as_json=arguments.json)


async def _create(accounts: AccountStore, arguments: argparse.Namespace) -> int:
    if not await accounts.create(arguments.name):
        return fail(f"there is an account {arguments.name} already")
    if arguments.json:
        return print_json({"created": arguments.name})
    return print_line(f"created {arguments.name}")


async def _credit(accounts: AccountStore, arguments: argparse.Namespace) -> int:
    balance = await accounts.credit(arguments.name, arguments.amount)
    if balance is None:
        return fail(f"the balance must stay between 0 and {MAX_CREDITS}; nothing was changed")
    if arguments.json:
        return print_json({"name": arguments.name, "balance": balance})
    return print_line(f"the balance of {arguments.name} is {balance}")


async def _erase(engine: AsyncEngine, arguments: argparse.Namespace) -> int:
    """Delete everything of an account and print what was deleted, and what is left."""
    if not arguments.yes:
        found = await rows_left(engine, arguments.name)
        return _print_rows(arguments, found, words="would be deleted; say --yes")
    settings = load_settings(GatewaySettings)
    store = open_store(settings.results_url, folder=settings.results_dir)
    files = await ResultStore(engine, store, lifetime=timedelta()).erase(arguments.name)
    inputs, backlog = JobInputs(engine, store), Backlog(engine)
    while jobs := await backlog.with_input(arguments.name):
        for job in jobs:
            await inputs.delete(job)
    for bulk in await bulks_of(engine, arguments.name):
        await BulkFiles(store).delete(bulk)
    deleted = await erase_rows(engine, arguments.name)
    await forget_deleted(engine)
    _print_rows(arguments, {**deleted, "results": files}, words="deleted")
    left = await rows_left(engine, arguments.name)
    if any(left.values()):
        return fail(f"rows of {arguments.name} are left; is a request of it running? try again")
    return 0 if arguments.json else print_line("nothing is left")


def _print_rows(arguments: argparse.Namespace, rows: Mapping[str, int], *, words: str) -> int:
    if arguments.json:
        return print_json({"account": arguments.name, "rows": rows})
    for table, count in rows.items():
        print_line(f"{table}: {count} {words}")
    return 0


def _print_accounts(found: Sequence[Account], *, as_json: bool) -> int:
    if as_json:
        return print_json(found)
    rows = [
        (_balance(account.balance), str(account.held), minute(account.created_at), account.name)
        for account in found
    ]
    return print_table(("BALANCE", "HELD", "CREATED", "ACCOUNT"), rows)


def _print_usage(usage: Usage, *, as_json: bool) -> int:
    if as_json:
        return print_json(usage)
    print_line(f"balance {_balance(usage.balance)}, held {usage.held}, spent {usage.spent}")
    rows = [(str(day.day), str(day.requests), str(day.credits), day.endpoint) for day in usage.days]
    return print_table(("DAY", "REQUESTS", "CREDITS", "ENDPOINT"), rows)


def _balance(balance: int | None) -> str:
    return _UNMETERED if balance is None else str(balance)
