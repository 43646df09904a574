"""Commands of `imagemesh` in this process, and their ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


def ended(
    main: Callable[[Sequence[str]], int], argv: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> Ended:
    """Run `main` and return how it ended."""
    try:
        code = main(argv)
    except SystemExit as end:  # argparse's way to end
        code = int(end.code or 0)
    return Ended(code, *capsys.readouterr())
