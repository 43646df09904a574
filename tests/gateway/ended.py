"""Commands of `imagemesh` in this process, and their ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit code and output of a command, and the line that names its database."""

    code: int
    out: str
    err: str
    database: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `imagemesh`, run in this process."""

    main: Callable[[Sequence[str]], int]
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *argv: str) -> Ended:
        """Run it with these arguments."""
        return ended(self.main, argv, self.capsys)


def ended(
    main: Callable[[Sequence[str]], int], argv: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> Ended:
    """Run `main` and return how it ended."""
    try:
        code = main(argv)
    except SystemExit as end:  # argparse's way to end
        code = int(end.code or 0)
    output = capsys.readouterr()
    first, line_end, rest = output.err.partition("\n")
    if "database: " not in first:  # the arguments were refused
        return Ended(code, output.out, output.err)
    return Ended(code, output.out, rest, first + line_end)
