"""`imagemesh keys`, `accounts`, `jobs` and `welcome`: output, changes, and exit codes."""

import asyncio
import json
import os
import pty
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from contract.jobs import WebhookAttempt
from gateway.database.engine import open_database
from gateway.jobs.outcomes import Outcome
from gateway.jobs.records import GIVEN_UP
from tests.gateway.ended import Ended, ended
from tests.gateway.job_stores import add_job, end_job, job_store
from tests.gateway.origin import IMAGE
from tests.gateway.running import alone, database_url
from tests.gateway.uploads import base64, defer
from tests.gateway.uploads import ended as ended_job

Run: TypeAlias = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `imagemesh`, on a database of the test's own."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url(tmp_path))
    return lambda *argv: ended(argv, capsys)


@pytest.fixture
def keys(run: Run) -> Run:
    """Return the command `imagemesh keys`."""
    return partial(run, "keys")


@pytest.fixture
def accounts(run: Run) -> Run:
    """Return the command `imagemesh accounts`."""
    return partial(run, "accounts")


def test_create_prints_the_key_and_nothing_else(keys: Run) -> None:
    done = keys("create", "ada")

    assert re.fullmatch(r"im_live_\w{8}_\w{32}_\w{6}\n", done.out)
    assert (done.code, done.err) == (0, "")


def test_database_is_named_and_a_new_one_is_told_apart(keys: Run, tmp_path: Path) -> None:
    first, second = keys("create", "ada"), keys("list")

    assert first.database == f"new database: {database_url(tmp_path)}\n"
    assert second.database == f"database: {database_url(tmp_path)}\n"


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("n\n", 1), ("y\n", 0)])
def test_person_is_asked_before_a_database_is_made(
    keys: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    controller, terminal = pty.openpty()
    os.write(controller, answer.encode() or b"\x04")  # end of the input
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        done = keys("create", "ada")
    os.close(controller)

    assert done.code == code
    assert (tmp_path / "gateway.db").exists() is (code == 0)


def test_script_on_a_terminal_is_not_asked(
    keys: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        done = keys("create", "ada", "--new-database")
    os.close(controller)

    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "gateway.db").exists()


def test_list_shows_every_key_and_its_state(keys: Run) -> None:
    live = keys("create", "ada", "--days", "30").out.split("_")[2]
    revoked = keys("create", "bob").out.split("_")[2]
    expired = keys("create", "eve", "--days", "0.00000001").out.split("_")[2]
    keys("revoke", revoked)

    lines = keys("list").out.splitlines()

    assert lines[0].split() == [
        "ID",
        "STATE",
        "CREATED",
        "EXPIRES",
        "LAST",
        "USED",
        "SCOPES",
        "POLICY",
        "ACCOUNT",
    ]
    rows = {(fields[0], fields[1], fields[-1]) for fields in map(str.split, lines[1:])}
    assert rows == {(live, "live", "ada"), (revoked, "revoked", "bob"), (expired, "expired", "eve")}


def test_list_as_json_shows_what_is_known_and_no_secret(keys: Run) -> None:
    key = keys("create", "ada", "--days", "1").out.strip()

    done = keys("list", "--json")

    (listed,) = json.loads(done.out)
    assert set(listed) == {
        "id",
        "account",
        "created_at",
        "expires_at",
        "revoked_at",
        "scopes",
        "last_used_at",
        "policy",
    }
    assert (listed["id"], listed["account"]) == (key.split("_")[2], "ada")
    assert listed["expires_at"] > listed["created_at"]
    assert key.split("_")[3] not in done.out


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "1e12", "soon"])
def test_impossible_lifetime_ends_with_2_and_makes_no_key(keys: Run, days: str) -> None:
    done = keys("create", "ada", f"--days={days}")

    assert (done.code, done.out) == (2, "")
    assert "--days" in done.err
    assert json.loads(keys("list", "--json").out) == []


def test_create_limits_a_key_to_its_scopes(keys: Run) -> None:
    keys("create", "ada", "--scopes", "ocr, classify")

    assert keys("list").out.splitlines()[1].split()[-3:] == ["ocr,classify", "default", "ada"]


def test_unknown_scope_ends_with_2_and_names_the_known(keys: Run) -> None:
    done = keys("create", "ada", "--scopes", "ocr,color")

    assert done.code == 2
    assert "'color' is no scope; known are colorize, ocr," in done.err


def test_json_of_a_new_key_has_its_id(keys: Run) -> None:
    made = json.loads(keys("create", "ada", "--json").out)

    assert made.keys() == {"id", "key"}
    assert made["key"].startswith(f"im_live_{made['id']}_")


def test_rotate_prints_a_key_like_the_old_one_which_ends_soon(keys: Run) -> None:
    policy = ("--policy", "strict")
    old = json.loads(keys("create", "ada", "--scopes", "ocr", *policy, "--json").out)

    new = json.loads(keys("rotate", old["id"], "--grace-days", "2", "--json").out)

    listed = {key["id"]: key for key in json.loads(keys("list", "--json").out)}
    assert listed[new["id"]]["scopes"] == ["ocr"]
    assert listed[new["id"]]["policy"] == "strict"
    assert listed[new["id"]]["expires_at"] is None
    assert listed[old["id"]]["expires_at"] is not None


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_key_that_is_not_live_ends_with_1(keys: Run, command: str) -> None:
    name = keys("create", "ada").out.split("_")[2]

    first, second, unknown = keys("revoke", name), keys(command, name), keys(command, "aB3dE6gH")

    assert first == Ended(0, f"revoked {name}\n", "")
    assert second == Ended(1, "", f"there is no live key with the id {name}\n")
    assert unknown == Ended(1, "", "there is no live key with the id aB3dE6gH\n")


def test_new_account_is_not_metered(accounts: Run) -> None:
    created = accounts("create", "ada")

    assert created == Ended(0, "created ada\n", "")
    lines = [line.split() for line in accounts("list").out.splitlines()]
    assert lines[0] == ["BALANCE", "HELD", "CREATED", "ACCOUNT"]
    assert (lines[1][:2], lines[1][-1]) == (["unmetered", "0"], "ada")


def test_account_is_created_once(accounts: Run) -> None:
    accounts("create", "ada")

    assert accounts("create", "ada") == Ended(1, "", "there is an account ada already\n")


def test_credit_tells_the_balance(accounts: Run) -> None:
    accounts("create", "ada")

    given = [accounts("credit", "ada", amount).out for amount in ("1500", "-500")]

    assert given == ["the balance of ada is 1500\n", "the balance of ada is 1000\n"]


def test_balance_below_zero_is_refused_and_nothing_changes(accounts: Run) -> None:
    accounts("create", "ada")
    accounts("credit", "ada", "10")

    refused = accounts("credit", "ada", "-11")

    assert (refused.code, refused.out) == (1, "")
    assert "nothing was changed" in refused.err
    assert json.loads(accounts("list", "--json").out)[0]["balance"] == 10


@pytest.mark.parametrize("command", [("credit", "nobody", "5"), ("usage", "nobody")])
def test_unknown_account_ends_with_1(accounts: Run, command: tuple[str, ...]) -> None:
    done = accounts(*command)

    assert (done.code, done.out) == (1, "")
    assert "there is no account nobody" in done.err


def test_usage_of_an_account_that_did_nothing(accounts: Run) -> None:
    accounts("create", "ada")
    accounts("credit", "ada", "7")

    table = accounts("usage", "ada").out.splitlines()
    told = json.loads(accounts("usage", "ada", "--json").out)

    assert table[0] == "balance 7, held 0, spent 0"
    assert told == {"account": "ada", "balance": 7, "held": 0, "spent": 0, "days": []}


@pytest.mark.parametrize(
    "line",
    [
        *("keys create", "keys create ", f"keys create {'x' * 101}", "keys create a\nb"),
        *("keys revoke", "keys x", "accounts create", "accounts create ", "accounts drop ada"),
        *("accounts credit ada", "accounts credit ada 1.5", f"accounts credit ada 1{'0' * 16}"),
    ],
)
def test_wrong_usage_ends_with_2(run: Run, line: str) -> None:
    done = run(*line.split(" "))

    assert (done.code, done.out) == (2, "")
    assert f"`imagemesh {line.split(maxsplit=1)[0]}" in done.err


def test_database_that_is_away_ends_with_1_and_says_so(
    accounts: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql+asyncpg://x@127.0.0.1:1/x")

    done = accounts("list")

    assert (done.code, done.out) == (1, "")
    assert done.err == "the gateway's database is away; try again later\n"


@pytest.fixture
async def dead(tmp_path: Path) -> tuple[str, str]:
    """Return the ids of a job that was given up and of one whose webhook was, of one account."""
    engine = await open_database(database_url(tmp_path))
    store = job_store(engine)
    await end_job(store, await add_job(store))
    job = await add_job(store, endpoints=("ocr", "nudity"))
    await store.keep(job, 0, Outcome(200, b"{}"), None)
    await store.bury(job.id)
    hooked = await end_job(store, await add_job(store, webhook="http://a.example/"))
    attempt = WebhookAttempt(datetime.now(UTC), 500, 0.1)
    await store.note_webhook(hooked, status=GIVEN_UP, attempt=attempt)
    await engine.dispose()
    return job.id, hooked.id


def test_dead_letters_are_listed(dead: tuple[str, str], run: Run) -> None:
    listed = run("jobs", "dead")
    as_json = json.loads(run("jobs", "dead", "--json").out)

    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["JOB", "KIND"],
        [dead[0], "job"],
        [dead[1], "webhook"],
    ]
    assert [(one["id"], one["kind"], one["done"], one["total"]) for one in as_json] == [
        (dead[0], "job", 1, 2),
        (dead[1], "webhook", 1, 1),
    ]


def test_job_is_queued_again_once(dead: tuple[str, str], run: Run) -> None:
    first = run("jobs", "requeue", dead[0])
    second = run("jobs", "requeue", dead[0], "--json")
    left = json.loads(run("jobs", "dead", "--json").out)

    assert (first.code, first.out) == (0, "queued 1\n")
    assert second.code == 1
    assert json.loads(second.out) == {"queued": [], "unknown": [dead[0]]}
    assert [one["id"] for one in left] == [dead[1]]


def test_all_that_can_be_queued_again_is(dead: tuple[str, str], run: Run) -> None:
    done = run("jobs", "requeue", "all", "--json")

    assert json.loads(done.out) == {"queued": [dead[0]], "unknown": []}


async def test_job_that_is_queued_again_is_worked_on_with_its_input(
    tmp_path: Path, run: Run
) -> None:
    full = {"image": base64(IMAGE + b"full")}
    async with alone(tmp_path) as (gateway, stage):
        accepted = await defer(gateway, "nudity", full)
        await ended_job(gateway, accepted)
        count = len(stage.calls)
        done = await asyncio.to_thread(run, "jobs", "requeue", "all")
        await ended_job(gateway, accepted)

    assert done.code == 0
    assert len(stage.calls) == 2 * count


def test_demo_key_is_kept_until_it_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "http://localhost:8080")
    path = tmp_path / "api-key"

    first = run("welcome", str(path))
    key = path.read_text().strip()
    again = run("welcome", str(path))
    run("keys", "revoke", key.split("_")[2])
    run("welcome", str(path))

    assert (first.code, again.out) == (0, first.out)
    assert f"http://localhost:8080/#key={key}" in first.out
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() != key
