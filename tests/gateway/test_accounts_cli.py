"""`imagemesh accounts`: what it prints, what it changes, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.gateway.ended import Command, Ended
from tests.gateway.running import database_url


@pytest.fixture
def accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return the command, on a database of the test's own."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url(tmp_path))
    return Command("accounts", capsys)


def test_new_account_is_not_metered(accounts: Command) -> None:
    created = accounts("create", "ada")

    assert created == Ended(0, "created ada\n", "")
    lines = [line.split() for line in accounts("list").out.splitlines()]
    assert lines[0] == ["BALANCE", "HELD", "CREATED", "ACCOUNT"]
    assert (lines[1][:2], lines[1][-1]) == (["unmetered", "0"], "ada")


def test_account_is_created_once(accounts: Command) -> None:
    accounts("create", "ada")

    assert accounts("create", "ada") == Ended(1, "", "there is an account ada already\n")


def test_credit_tells_the_balance(accounts: Command) -> None:
    accounts("create", "ada")

    given = [accounts("credit", "ada", amount).out for amount in ("1500", "-500")]

    assert given == ["the balance of ada is 1500\n", "the balance of ada is 1000\n"]


def test_balance_below_zero_is_refused_and_nothing_changes(accounts: Command) -> None:
    accounts("create", "ada")
    accounts("credit", "ada", "10")

    refused = accounts("credit", "ada", "-11")

    assert (refused.code, refused.out) == (1, "")
    assert "nothing was changed" in refused.err
    assert json.loads(accounts("list", "--json").out)[0]["balance"] == 10


@pytest.mark.parametrize("command", [("credit", "nobody", "5"), ("usage", "nobody")])
def test_unknown_account_ends_with_1(accounts: Command, command: tuple[str, ...]) -> None:
    done = accounts(*command)

    assert (done.code, done.out) == (1, "")
    assert "there is no account nobody" in done.err


def test_usage_of_an_account_that_did_nothing(accounts: Command) -> None:
    accounts("create", "ada")
    accounts("credit", "ada", "7")

    table = accounts("usage", "ada").out.splitlines()
    told = json.loads(accounts("usage", "ada", "--json").out)

    assert table[0] == "balance 7, held 0, spent 0"
    assert told == {"account": "ada", "balance": 7, "held": 0, "spent": 0, "days": []}


@pytest.mark.parametrize(
    "argv",
    [
        ("create",),
        ("create", ""),
        ("credit", "ada"),
        ("credit", "ada", "1.5"),
        ("credit", "ada", "1" + "0" * 16),
        ("drop", "ada"),
    ],
)
def test_wrong_usage_ends_with_2(accounts: Command, argv: tuple[str, ...]) -> None:
    done = accounts(*argv)

    assert (done.code, done.out) == (2, "")
    assert "`imagemesh accounts" in done.err


def test_database_that_is_away_ends_with_1_and_says_so(
    accounts: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql+asyncpg://x@127.0.0.1:1/x")

    done = accounts("list")

    assert (done.code, done.out) == (1, "")
    assert done.err == "the gateway's database is away; try again later\n"
