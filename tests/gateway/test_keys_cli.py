"""`imagemesh keys`: what it prints, what it changes, and how it ends."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.ended import Command, Ended
from tests.gateway.running import database_url


@pytest.fixture
def keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return the command, on a database of the test's own."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url(tmp_path))
    return Command("keys", capsys)


def test_create_prints_the_key_and_nothing_else(keys: Command) -> None:
    done = keys("create", "ada")

    assert re.fullmatch(r"im_live_\w{8}_\w{32}_\w{6}\n", done.out)
    assert (done.code, done.err) == (0, "")


def test_database_is_named_and_a_new_one_is_told_apart(keys: Command, tmp_path: Path) -> None:
    first, second = keys("create", "ada"), keys("list")

    assert first.database == f"new database: {database_url(tmp_path)}\n"
    assert second.database == f"database: {database_url(tmp_path)}\n"


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("n\n", 1), ("y\n", 0)])
def test_person_is_asked_before_a_database_is_made(
    keys: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
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
    keys: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        done = keys("create", "ada", "--new-database")
    os.close(controller)

    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "gateway.db").exists()


def test_list_shows_every_key_and_its_state(keys: Command) -> None:
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


def test_list_as_json_shows_what_is_known_and_no_secret(keys: Command) -> None:
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
def test_impossible_lifetime_ends_with_2_and_makes_no_key(keys: Command, days: str) -> None:
    done = keys("create", "ada", f"--days={days}")

    assert (done.code, done.out) == (2, "")
    assert "--days" in done.err
    assert json.loads(keys("list", "--json").out) == []


@pytest.mark.parametrize(
    "argv",
    [
        ("create",),
        ("create", ""),
        ("create", "x" * 101),
        ("create", "a\nb"),
        ("revoke",),
        ("x",),
    ],
)
def test_wrong_usage_ends_with_2(keys: Command, argv: tuple[str, ...]) -> None:
    done = keys(*argv)

    assert (done.code, done.out) == (2, "")
    assert "`imagemesh keys" in done.err


def test_create_limits_a_key_to_its_scopes(keys: Command) -> None:
    keys("create", "ada", "--scopes", "ocr, classify")

    assert keys("list").out.splitlines()[1].split()[-3:] == ["ocr,classify", "default", "ada"]


def test_unknown_scope_ends_with_2_and_names_the_known(keys: Command) -> None:
    done = keys("create", "ada", "--scopes", "ocr,color")

    assert done.code == 2
    assert "'color' is no scope; known are colorize, ocr," in done.err


def test_json_of_a_new_key_has_its_id(keys: Command) -> None:
    made = json.loads(keys("create", "ada", "--json").out)

    assert made.keys() == {"id", "key"}
    assert made["key"].startswith(f"im_live_{made['id']}_")


def test_rotate_prints_a_key_like_the_old_one_which_ends_soon(keys: Command) -> None:
    policy = ("--policy", "strict")
    old = json.loads(keys("create", "ada", "--scopes", "ocr", *policy, "--json").out)

    new = json.loads(keys("rotate", old["id"], "--grace-days", "2", "--json").out)

    listed = {key["id"]: key for key in json.loads(keys("list", "--json").out)}
    assert listed[new["id"]]["scopes"] == ["ocr"]
    assert listed[new["id"]]["policy"] == "strict"
    assert listed[new["id"]]["expires_at"] is None
    assert listed[old["id"]]["expires_at"] is not None


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_key_that_is_not_live_ends_with_1(keys: Command, command: str) -> None:
    name = keys("create", "ada").out.split("_")[2]

    first, second, unknown = keys("revoke", name), keys(command, name), keys(command, "aB3dE6gH")

    assert first == Ended(0, f"revoked {name}\n", "")
    assert second == Ended(1, "", f"there is no live key with the id {name}\n")
    assert unknown == Ended(1, "", "there is no live key with the id aB3dE6gH\n")


def test_installed_command_with_bad_settings_ends_with_2_and_names_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("imagemesh"), "keys", "list"],
        check=False,
        capture_output=True,
        text=True,
        env={"GATEWAY_DATABASE_URL": database_url(tmp_path), "GATEWAY_MAX_IN_FLIGHT": "0"},
    )

    assert done.returncode == 2
    assert "GATEWAY_MAX_IN_FLIGHT" in done.stderr
    assert "Traceback" not in done.stderr
