"""Options and output of the gateway's commands."""

import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from commandkit.cli import FAILURE, SUCCESS
from commandkit.tables import table
from gateway.accounts.accounts import check_account_name
from gateway.database.engine import open_database
from gateway.problems import Problem
from gateway.settings import PRIVATE, GatewaySettings
from servicekit.settings import load_settings


def _check_account(_: object, name: str) -> None:
    check_account_name(name)


AccountName = Annotated[str, Parameter(validator=_check_account)]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Options of every command on the gateway's database.

    Attributes:
        json: Print JSON.
        new_database: Make a missing SQLite database without asking.
    """

    json: bool = False
    new_database: bool = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncEngine]:
        """Name the database of the settings, and open it; a `Problem` ends the process with 1.

        On a terminal a person is asked before a database is made.
        """
        os.umask(PRIVATE)
        settings = load_settings(GatewaySettings)
        url = make_url(settings.database_url)
        is_missing = _is_missing(url)
        state = "new database" if is_missing else "database"
        sys.stderr.write(f"{state}: {url.render_as_string(hide_password=True)}\n")
        must_ask = is_missing and not self.new_database and sys.stdin.isatty()
        if must_ask and not _is_agreed():
            sys.exit(fail("nothing was made; GATEWAY_DATABASE_URL names the gateway's database"))
        try:
            engine = await open_database(settings.database_url)
            try:
                yield engine
            finally:
                await engine.dispose()
        except Problem as problem:
            sys.exit(fail(str(problem)))

    def print(self, value: object, line: str) -> int:
        """Print a value as JSON where that was asked for, else a line."""
        return print_json(value) if self.json else print_line(line)


DATABASE: Final = Database()


def _is_missing(url: URL) -> bool:
    return url.drivername.startswith("sqlite") and not Path(url.database or "").exists()


def _is_agreed() -> bool:
    sys.stderr.write("There is none yet. Make it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def print_line(text: str) -> int:
    """Print a line and return the exit code of success."""
    sys.stdout.write(f"{text}\n")
    return SUCCESS


def print_json(value: object) -> int:
    """Print a value as JSON and return the exit code of success."""
    return print_line(msgspec.json.encode(value).decode())


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Print rows in columns and return the exit code of success."""
    return print_line(table([header, *rows]))


def fail(message: str) -> int:
    """Print what went wrong and return the exit code of failure."""
    sys.stderr.write(f"{message}\n")
    return FAILURE


def minute(moment: datetime | None) -> str:
    """Return a time for a table, "-" for none."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"
