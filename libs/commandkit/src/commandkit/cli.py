"""Command `imagemesh` with the subcommands of the installed members."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from cyclopts import App, CycloptsError, Parameter

SUCCESS: Final = 0
FAILURE: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130  # of shells, for SIGINT

STDIN: Final = "/dev/stdin"

# Commands that come with a member of the mesh, which a caller does not install.
OPERATORS: Final = {
    "accounts": "gateway",
    "doctor": "modelkit",
    "jobs": "gateway",
    "keys": "gateway",
    "models": "modelkit",
    "welcome": "gateway",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `imagemesh COMMAND ARGUMENTS...` and return the exit code.

    A member adds a subcommand by an entry point of group `imagemesh.commands`: a function or a
    `cyclopts.App`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = {point.name: point for point in entry_points(group="imagemesh.commands")}
    name = arguments[0] if arguments else ""
    if name in OPERATORS and name not in commands:
        package = f"imagemesh-{OPERATORS[name]}"
        complain(f"{name} is a command of {package}, which is not installed; run it in the mesh")
        return USAGE
    # All are imported for the help and for the hint at a wrong name.
    chosen = [commands[name]] if name in commands else list(commands.values())
    return _run(_app(chosen), arguments)


def new_app(name: str, *, help: str, version: str | None = None) -> App:  # noqa: A002 - as `App`
    """Return an app whose flags have no negation, and no default worth showing.

    Args:
        name: of the command.
        help: first line of its help.
        version: printed by --version.
    """
    parameter = Parameter(negative=(), show_default=lambda value: value or None)
    return App(name=name, help=help, version=version, default_parameter=parameter)


def _run(app: App, arguments: Sequence[str]) -> int:
    """Run a command of `app` and return its exit code."""
    # Cyclopts takes a lone hyphen for an option.
    tokens = [STDIN if argument == "-" else argument for argument in arguments]
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        command = " ".join(["imagemesh", *(error.command_chain or ())])
        complain(f"{error}\n`{command} --help` tells how it is used")
        return USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has enough; Python would complain of it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    return int(code or SUCCESS)


def complain(message: str) -> None:
    """Write a message to standard error."""
    sys.stderr.write(f"imagemesh: {message}\n")


def _app(commands: Sequence[EntryPoint]) -> App:
    distribution = next((point.dist for point in commands), None)
    version = distribution.version if distribution else "unknown"
    app = new_app("imagemesh", help="Ask imagemesh about images, or run it.", version=version)
    for point in commands:
        app.command(point.load(), name=point.name)

    @app.command(name="help", show=False)
    def _help(*command: str) -> int:
        return _run(app, [*command, "--help"])

    app.register_install_completion_command()
    return app
