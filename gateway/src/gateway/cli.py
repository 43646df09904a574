"""`imagemesh keys create|list|revoke`: the API keys of this gateway's database."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from gateway.database import MAX_ACCOUNT_CHARACTERS, open_database
from gateway.keys import ApiKey, KeyStore, utc_now
from gateway.settings import GatewaySettings
from servicekit.settings import load_settings

_MAX_DAYS = 36_500  # a century: dates stay in the range that every database has


def main(argv: Sequence[str]) -> int:
    """Run the subcommand in `argv` and return the exit code."""
    arguments = _parser().parse_args(argv)
    settings = load_settings(GatewaySettings)
    return asyncio.run(_run(arguments, settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagemesh keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key and print it, this once")
    create.add_argument("account", type=_account, help="who pays for the key's requests")
    create.add_argument("--days", type=_lifetime, help="the key expires after so many days")
    listing = commands.add_parser("list", help="print what is known about every key")
    listing.add_argument("--json", action="store_true", help="print JSON")
    revoke = commands.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("id", help="the key's id, its third part: im_live_<id>_...")
    return parser


def _account(text: str) -> str:
    if not 0 < len(text) <= MAX_ACCOUNT_CHARACTERS:
        raise argparse.ArgumentTypeError(f"must have 1 to {MAX_ACCOUNT_CHARACTERS} characters")
    return text


def _lifetime(text: str) -> timedelta:
    days = float(text)
    if not 0 < days <= _MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {_MAX_DAYS}")
    return timedelta(days=days)


async def _run(arguments: argparse.Namespace, settings: GatewaySettings) -> int:
    engine = await open_database(settings.database_url)
    try:
        keys = KeyStore(engine)
        if arguments.command == "create":
            return await _create(keys, arguments)
        if arguments.command == "revoke":
            return await _revoke(keys, arguments.id)
        return await _list(keys, as_json=arguments.json)
    finally:
        await engine.dispose()


async def _create(keys: KeyStore, arguments: argparse.Namespace) -> int:
    sys.stdout.write(await keys.create(arguments.account, expires_in=arguments.days) + "\n")
    return 0


async def _revoke(keys: KeyStore, name: str) -> int:
    if await keys.revoke(name):
        sys.stdout.write(f"revoked {name}\n")
        return 0
    sys.stderr.write(f"there is no live key with the id {name}\n")
    return 1


async def _list(keys: KeyStore, *, as_json: bool) -> int:
    found = await keys.list_keys()
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return 0
    sys.stdout.write(f"{'ID':<10}{'STATE':<10}{'CREATED':<18}ACCOUNT\n")
    for key in found:
        created = f"{key.created_at:%Y-%m-%d %H:%M}"
        sys.stdout.write(f"{key.id:<10}{_state(key):<10}{created:<18}{key.account}\n")
    return 0


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= utc_now():
        return "expired"
    return "live"
