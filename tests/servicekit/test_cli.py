"""Command `imagemesh` with the subcommands of the installed members."""

import pytest

from servicekit.cli import main


@pytest.mark.parametrize("arguments", [[], ["paint"]])
def test_unknown_command_lists_the_known_ones(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    assert code == 2
    offered = capsys.readouterr().err.removeprefix("usage: imagemesh ").partition(" ")[0].split("|")
    assert offered == sorted(offered)
    assert {"accounts", "keys", "models", "ocr"} <= set(offered)
