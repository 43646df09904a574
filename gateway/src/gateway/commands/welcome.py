"""`imagemesh welcome`: the address of the gateway with a demo key, for a first start."""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.keys import KeyStore
from gateway.commands.terminal import print_line, run
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from servicekit.settings import load_settings


def main(argv: Sequence[str]) -> int:
    """Print the address of the gateway with a demo key."""
    parser = argparse.ArgumentParser(prog="imagemesh welcome", description=__doc__)
    parser.add_argument("key_file", type=Path, help="file that keeps the demo key")
    return run(parser, argv, command=_run)


async def demo_key(engine: AsyncEngine, path: Path) -> str:
    """Return the key in the file, a new one where it is missing or no longer good."""
    keys = KeyStore(engine)
    key = _read(path)
    with suppress(Problem):
        await keys.check(key)
        return key
    key = await keys.create("demo")
    _write(path, key)
    return key


def welcome(url: str, key: str, *, key_file: Path) -> str:
    """Return the text that greets whoever started the mesh at `url`."""
    return f"""\
imagemesh is ready at {url} (demo key in {key_file}).
Open {url}/#key={key} for a page with that key, or try:
curl -X POST -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \
-d '{{"url": "{url}/content/examples/letter.png"}}' {url}/api/v1/analyzed-ocr"""


async def _run(engine: AsyncEngine, arguments: argparse.Namespace) -> int:
    key = await demo_key(engine, arguments.key_file)
    url = str(load_settings(GatewaySettings).public_url)
    return print_line(welcome(url, key, key_file=arguments.key_file))


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _write(path: Path, key: str) -> None:
    path.touch(mode=0o600)
    path.write_text(key + "\n")
