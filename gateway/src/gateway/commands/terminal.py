"""Arguments and output of the gateway's commands."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import check_account_name
from gateway.database.engine import open_database
from gateway.problems import Problem
from gateway.settings import PRIVATE, GatewaySettings
from servicekit.settings import load_settings

Command = Callable[[AsyncEngine, argparse.Namespace], Awaitable[int]]

T = TypeVar("T")


def run(parser: argparse.ArgumentParser, argv: Sequence[str], *, command: Command) -> int:
    """Run `command` on the database of the settings, name it, and return the exit code.

    A person is asked before a database is made; a script makes it.
    """
    os.umask(PRIVATE)
    arguments = parser.parse_args(argv)
    settings = load_settings(GatewaySettings)
    url = make_url(settings.database_url)
    is_missing = url.drivername.startswith("sqlite") and not Path(url.database or "").exists()
    state = "new database" if is_missing else "database"
    sys.stderr.write(f"{state}: {url.render_as_string(hide_password=True)}\n")
    if is_missing and sys.stdin.isatty() and not _is_agreed():
        return fail("nothing was made; GATEWAY_DATABASE_URL names the gateway's database")
    try:
        return asyncio.run(_with_database(settings.database_url, arguments, command))
    except Problem as problem:
        return fail(str(problem))


def _is_agreed() -> bool:
    sys.stderr.write("There is none yet. Make it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


async def _with_database(url: str, arguments: argparse.Namespace, command: Command) -> int:
    engine = await open_database(url)
    try:
        return await command(engine, arguments)
    finally:
        await engine.dispose()


def telling(convert: Callable[[str], T]) -> Callable[[str], T]:
    """Make `convert` argparse's `type`, whose user reads why a value was refused."""

    @wraps(convert)
    def told(text: str) -> T:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return told


@telling
def account_name(text: str) -> str:
    """Return the name of an account, as argparse's `type`."""
    check_account_name(text)
    return text


def print_line(text: str) -> int:
    """Print a line and return the exit code of success."""
    sys.stdout.write(f"{text}\n")
    return 0


def print_json(value: object) -> int:
    """Print a value as JSON and return the exit code of success."""
    return print_line(msgspec.json.encode(value).decode())


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Print rows in columns, as wide as they need, and return the exit code of success."""
    table = [header, *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(header) - 1)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        print_line("  ".join(cells).rstrip())
    return 0


def fail(message: str) -> int:
    """Print what went wrong and return the exit code of failure."""
    sys.stderr.write(f"{message}\n")
    return 1


def minute(moment: datetime | None) -> str:
    """Return a time for a table, "-" for none."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"
