"""`imagemesh keys`: what it prints, what it changes, and how it ends."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli import main
from tests.gateway.running import database_url

COMMAND = Path(sys.executable).with_name("imagemesh")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


class Keys:
    """Runs `imagemesh keys` in this process, on a database of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *argv: str) -> Ended:
        """Run with these arguments."""
        code = _exit_code(argv)
        return Ended(code, *self._capsys.readouterr())


def _exit_code(argv: Sequence[str]) -> int:
    try:
        return main(argv)
    except SystemExit as ended:  # argparse's way to end
        return int(ended.code or 0)


@pytest.fixture
def keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Keys:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url(tmp_path))
    return Keys(capsys)


def test_create_prints_the_key_and_nothing_else(keys: Keys) -> None:
    ended = keys("create", "ada")

    assert re.fullmatch(r"im_live_\w{8}_\w{32}_\w{6}\n", ended.out)
    assert (ended.code, ended.err) == (0, "")


def test_list_shows_every_key_and_its_state(keys: Keys) -> None:
    live = keys("create", "ada", "--days", "30").out.split("_")[2]
    revoked = keys("create", "bob").out.split("_")[2]
    expired = keys("create", "eve", "--days", "0.00000001").out.split("_")[2]
    keys("revoke", revoked)

    lines = keys("list").out.splitlines()

    assert lines[0].split() == ["ID", "STATE", "CREATED", "ACCOUNT"]
    rows = {(fields[0], fields[1], fields[-1]) for fields in map(str.split, lines[1:])}
    assert rows == {(live, "live", "ada"), (revoked, "revoked", "bob"), (expired, "expired", "eve")}


def test_list_as_json_shows_what_is_known_and_no_secret(keys: Keys) -> None:
    key = keys("create", "ada", "--days", "1").out.strip()

    ended = keys("list", "--json")

    (listed,) = json.loads(ended.out)
    assert listed.keys() == {"id", "account", "created_at", "expires_at", "revoked_at"}
    assert (listed["id"], listed["account"]) == (key.split("_")[2], "ada")
    assert listed["expires_at"] > listed["created_at"]
    assert key.split("_")[3] not in ended.out


def test_list_of_no_keys_is_empty(keys: Keys) -> None:
    assert json.loads(keys("list", "--json").out) == []


def test_revoke_tells_what_it_revoked(keys: Keys) -> None:
    name = keys("create", "ada").out.split("_")[2]

    assert keys("revoke", name) == Ended(0, f"revoked {name}\n", "")


@pytest.mark.parametrize("turns", [1, 2])
def test_revoke_of_no_live_key_ends_with_1(keys: Keys, turns: int) -> None:
    name = keys("create", "ada").out.split("_")[2] if turns == 2 else "aB3dE6gH"
    for _ in range(turns):
        ended = keys("revoke", name)

    assert ended == Ended(1, "", f"there is no live key with the id {name}\n")


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "1e12", "soon"])
def test_impossible_lifetime_ends_with_2_and_makes_no_key(keys: Keys, days: str) -> None:
    ended = keys("create", "ada", f"--days={days}")

    assert (ended.code, ended.out) == (2, "")
    assert "--days" in ended.err
    assert json.loads(keys("list", "--json").out) == []


@pytest.mark.parametrize(
    "argv", [(), ("create",), ("create", ""), ("create", "x" * 101), ("revoke",), ("delete", "x")]
)
def test_wrong_usage_ends_with_2(keys: Keys, argv: tuple[str, ...]) -> None:
    ended = keys(*argv)

    assert (ended.code, ended.out) == (2, "")
    assert "usage: imagemesh keys" in ended.err


def run(*argv: str, **environment: str) -> Ended:
    done = subprocess.run(
        [COMMAND, *argv],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, **environment},
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_command_creates_lists_and_revokes(tmp_path: Path) -> None:
    url = database_url(tmp_path)
    created = run("keys", "create", "ada", GATEWAY_DATABASE_URL=url)
    name = created.out.split("_")[2]

    listed = run("keys", "list", GATEWAY_DATABASE_URL=url)
    revoked = run("keys", "revoke", name, GATEWAY_DATABASE_URL=url)

    assert (created.code, listed.code, revoked.code) == (0, 0, 0)
    assert created.out.startswith("im_live_")
    assert name in listed.out
    assert revoked.out == f"revoked {name}\n"


def test_command_without_a_subcommand_ends_with_2_and_names_keys() -> None:
    ended = run()

    assert ended.code == 2
    assert ended.err.startswith("usage: imagemesh ")
    assert "keys" in ended.err


def test_command_with_bad_settings_ends_with_2_and_names_them(tmp_path: Path) -> None:
    ended = run(
        "keys", "list", GATEWAY_DATABASE_URL=database_url(tmp_path), GATEWAY_MAX_IN_FLIGHT="0"
    )

    assert ended.code == 2
    assert "GATEWAY_MAX_IN_FLIGHT" in ended.err
    assert "Traceback" not in ended.err
