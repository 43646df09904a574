"""Commands of `imagemesh` in this process, and their ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from commandkit.cli import main


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit code and output of a command, and the line that names its database."""

    code: int
    out: str
    err: str
    database: str = field(default="", compare=False)


def ended(argv: Sequence[str], capsys: pytest.CaptureFixture[str]) -> Ended:
    """Run `imagemesh` with arguments and return how it ended."""
    try:
        code = main(argv)
    except SystemExit as end:  # of a command that cannot go on
        code = int(end.code or 0)
    output = capsys.readouterr()
    first, line_end, rest = output.err.partition("\n")
    if "database: " not in first:  # the arguments were refused
        return Ended(code, output.out, output.err)
    return Ended(code, output.out, rest, first + line_end)
