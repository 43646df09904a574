"""`imagemesh accounts create|list|credit|usage`: who pays, what they have and what they did."""

import argparse
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from contract.lookups import Usage
from gateway.accounts.accounts import MAX_CREDITS, Account, AccountStore, check_amount
from gateway.accounts.usage import UsageBook
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

_UNMETERED = "unmetered"


def main(argv: Sequence[str]) -> int:
    """Run the subcommand in `argv` and return the exit code."""
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
    for command in (create, credit, usage):
        command.add_argument("name", type=account_name, help="name of the account")
    credit.add_argument("amount", type=_credits, help="how many; below zero takes some back")
    for command in (create, listing, credit, usage):
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
