"""Command `imagemesh` with the subcommands of the installed members."""

import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points, version

_HELP = ("help", "--help", "-h")
_PACKAGE = "imagemesh-servicekit"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `imagemesh COMMAND ARGUMENTS...` and return the exit code.

    A member adds a subcommand by an entry point of group `imagemesh.commands`, a function of the
    arguments; the first line of its docstring is the help.
    """
    name, *arguments = list(sys.argv[1:] if argv is None else argv) or ["help"]
    commands = {point.name: point for point in entry_points(group="imagemesh.commands")}
    if name == "--version":
        sys.stdout.write(f"imagemesh {version(_PACKAGE)}\n")
        return 0
    if name in _HELP and not arguments:
        sys.stdout.write(_help(commands))
        return 0
    if name in _HELP:
        name, *arguments = [*arguments, "--help"]
    if name not in commands:
        sys.stderr.write(_unknown(name, commands))
        return 2
    try:
        return int(commands[name].load()(arguments))
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has enough. Python would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _help(commands: Mapping[str, EntryPoint]) -> str:
    """Return the usage with a line for each command."""
    width = max(map(len, commands), default=0)
    lines = [f"  {name:{width}}  {_summary(commands[name])}" for name in sorted(commands)]
    return "\n".join(
        [
            "usage: imagemesh COMMAND ...",
            "",
            *lines,
            "",
            "`imagemesh COMMAND --help` has its options, `imagemesh --version` the version.\n",
        ]
    )


def _summary(command: EntryPoint) -> str:
    return (command.load().__doc__ or "").partition("\n")[0]


def _unknown(name: str, commands: Mapping[str, EntryPoint]) -> str:
    """Return the message for a command that does not exist."""
    near = get_close_matches(name, commands, n=1)
    hint = f"did you mean {near[0]}?" if near else "`imagemesh --help` lists the commands"
    return f"imagemesh: there is no command {name!r}; {hint}\n"
