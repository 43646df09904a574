"""Command `imagemesh` with the subcommands of the installed members."""

import subprocess
import sys

import pytest

from servicekit.cli import main

COMMANDS = {"accounts", "classify", "doctor", "jobs", "keys", "models", "ocr"}


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"]])
def test_help_has_a_line_for_each_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[2:-2]]
    assert code == 0
    assert {name for name, _ in lines} >= COMMANDS
    assert all(words[0].isupper() and words.endswith(".") for _, words in lines)
    assert not [words for _, words in lines if "exit code" in words or "argv" in words]


def test_help_of_a_command_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", "keys"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: imagemesh keys")


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "imagemesh 0.1.0\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("clasify", "did you mean classify?"), ("zebra", "`imagemesh --help` lists the commands")],
)
def test_unknown_command_gets_a_hint(
    name: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name]) == 2
    assert capsys.readouterr().err == f"imagemesh: there is no command '{name}'; {hint}\n"


def test_reader_who_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -c 'from servicekit.cli import main; raise SystemExit(main())' "
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} models list | true"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
