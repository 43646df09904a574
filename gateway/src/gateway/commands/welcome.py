"""`imagemesh welcome`: the address of the gateway with a demo key, for a first start."""

from contextlib import suppress
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from commandkit.cli import new_app
from contract.endpoints.analyzed_ocr import ENDPOINT
from gateway.accounts.keys import KeyStore
from gateway.commands.terminal import DATABASE, Database, print_line
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from servicekit.settings import load_settings

APP = new_app("welcome", help="Print the address of the gateway with a demo key.")


@APP.default
async def print_welcome(key_file: Path, /, *, database: Database = DATABASE) -> int:
    """Print the address of the gateway with a demo key.

    Args:
        key_file: File that keeps the demo key.
    """
    async with database.open() as engine:
        key = await demo_key(engine, key_file)
    url = str(load_settings(GatewaySettings).public_url)
    return print_line(welcome(url, key, key_file=key_file))


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
-d '{{"url": "{url}/content/examples/letter.png"}}' {url}{ENDPOINT.path}"""


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _write(path: Path, key: str) -> None:
    path.touch(mode=0o600)
    path.write_text(key + "\n")
