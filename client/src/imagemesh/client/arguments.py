"""Arguments of a caller's commands."""

import argparse
from pathlib import Path
from typing import Final

import msgspec

from imagemesh.client.client import DEFAULT_TIMEOUT_S, Client
from imagemesh.client.errors import InvalidInput
from imagemesh.client.settings import DEFAULT_URL, ClientSettings
from servicekit.settings import load_settings

DEFAULT_PARALLEL: Final = 4
MAX_PARALLEL: Final = 64  # what a gateway takes at once, unless told otherwise
_MAX_TIMEOUT_S: Final = 3600.0


def server_parser(command: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a command that asks a server."""
    parser = argparse.ArgumentParser(prog=f"imagemesh {command}", description=description)
    server = parser.add_argument_group("server")
    server.add_argument(
        "--server",
        metavar="URL",
        help=f"http(s):// of a gateway; $IMAGEMESH_URL, else {DEFAULT_URL}",
    )
    key = server.add_mutually_exclusive_group()
    key.add_argument("--key-file", type=Path, metavar="FILE", help="file that holds the API key")
    key.add_argument(
        "--key", help="the API key; others on the machine may see it: prefer $IMAGEMESH_API_KEY"
    )
    server.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="certificates (PEM) to trust instead"
    )
    server.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="longest time for one answer, with all repetitions (%(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def input_parser(command: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a command that works through files."""
    parser = server_parser(command, description)
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="file, folder, URL, or - for standard input"
    )
    parser.add_argument(
        "--parallel",
        type=_parallel,
        default=DEFAULT_PARALLEL,
        metavar="N",
        help="how many are asked at once (%(default)s)",
    )
    parser.add_argument(
        "--details", action="store_true", help="add the model and the time; with --json all details"
    )
    return parser


def add_selection(parser: argparse.ArgumentParser, *, limit: int, of: str) -> None:
    """Add --limit and --min-confidence of the endpoints that have them."""
    parser.add_argument("--limit", type=int, default=limit, help=f"{of} (%(default)s)")
    add_min_confidence(parser, of="what is less sure, in [0, 1], is left out")


def add_min_confidence(parser: argparse.ArgumentParser, *, of: str) -> None:
    """Add --min-confidence."""
    parser.add_argument("--min-confidence", type=float, default=0.0, metavar="SHARE", help=of)


def add_output(parser: argparse.ArgumentParser, *, of: str) -> None:
    """Add --output and --force of the commands that make files."""
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=f"write {of} there")
    parser.add_argument("--force", action="store_true", help="write over files that are there")


def client_of(arguments: argparse.Namespace) -> Client:
    """Return the client that the arguments and the environment describe.

    Raises:
        InvalidInput: they describe none.
    """
    settings = load_settings(ClientSettings)
    return Client(
        arguments.server or settings.url,
        key=_key(arguments, settings),
        timeout_s=arguments.timeout,
        ca_file=arguments.ca_file,
    )


def _key(arguments: argparse.Namespace, settings: ClientSettings) -> str:
    if arguments.key_file is None:
        return str(arguments.key or settings.api_key.get_secret_value())
    try:
        return str(arguments.key_file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the key file {arguments.key_file}") from error


def parameter(text: str) -> tuple[str, object]:
    """Return the name and the value of "limit=3"; what is no JSON is a text."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    try:
        return name, msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError):
        return name, value


def _parallel(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PARALLEL:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_PARALLEL}")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _MAX_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most {_MAX_TIMEOUT_S:g}")
    return seconds
