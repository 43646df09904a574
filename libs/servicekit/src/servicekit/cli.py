"""Command `imagemesh` with the subcommands of the installed members."""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points


def main(argv: Sequence[str] | None = None) -> int:
    """Run `imagemesh COMMAND ARGUMENTS...` and return the exit code.

    A member adds a subcommand by an entry point of group `imagemesh.commands`, a function of the
    arguments.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = {point.name: point for point in entry_points(group="imagemesh.commands")}
    if not arguments or arguments[0] not in commands:
        sys.stderr.write(_usage(commands))
        return 2
    return int(commands[arguments[0]].load()(arguments[1:]))


def _usage(commands: dict[str, EntryPoint]) -> str:
    names = "|".join(sorted(commands)) or "(no member with commands is installed)"
    return f"usage: imagemesh {names} ...\n"
