"""Command `imagemesh` with the subcommands of the installed members."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from commandkit.cli import OPERATORS, main

ROOT = Path(__file__).parents[2]
IMAGEMESH = f"{sys.executable} -c 'from commandkit.cli import main; raise SystemExit(main())'"
COMMANDS = {"accounts", "classify", "doctor", "jobs", "keys", "models", "ocr"}


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"]])
def test_help_has_a_line_for_each_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    lines = [line.split(maxsplit=2)[1:] for line in capsys.readouterr().out.splitlines()]
    texts = {line[0]: line[1] for line in lines if len(line) == 2}
    assert code == 0
    assert texts.keys() >= COMMANDS
    assert all(texts[name][0].isupper() for name in COMMANDS)


def test_help_of_a_command_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "keys", "create"]) == 0
    assert capsys.readouterr().out.startswith("Usage: imagemesh keys create [OPTIONS] ACCOUNT")


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "hint", "command"),
    [
        (["clasify"], 'Did you mean "classify"?', "imagemesh"),
        (["keys", "creat"], 'Did you mean "create"?', "imagemesh keys"),
        (["ocr", "--lng", "deu", "x"], "Did you mean --lang?", "imagemesh ocr"),
        (["ocr"], "requires an argument", "imagemesh ocr"),
    ],
)
def test_wrong_word_gets_a_hint(
    arguments: list[str], hint: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert hint in told.err
    assert told.err.endswith(f"`{command} --help` tells how it is used\n")


def test_commands_of_operators_are_those_of_their_members() -> None:
    """A caller who has the client alone is told where such a command is."""
    found = {}
    for member in ("gateway", "libs/modelkit"):
        project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
        for name in project["entry-points"]["imagemesh.commands"]:
            found[name] = member.rpartition("/")[2]

    assert found == OPERATORS


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "SHELL": "/bin/bash"}
    done = subprocess.run(
        ["bash", "-c", f"{IMAGEMESH} --install-completion"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )

    written = [path.read_text() for path in tmp_path.rglob("*imagemesh*") if path.is_file()]
    assert done.returncode == 0, done.stderr
    assert any("classify" in text and "min-confidence" in text for text in written)


def test_reader_who_has_enough_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {IMAGEMESH} models list | true"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
