"""`imagemesh keys create|list|revoke|rotate`: the API keys of this gateway's database."""

import argparse
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.key_format import key_id
from gateway.accounts.keys import GRACE, ApiKey, KeyStore, check_policy, lifetime
from gateway.accounts.scopes import check_scopes
from gateway.commands.terminal import (
    account_name,
    fail,
    minute,
    print_json,
    print_line,
    print_table,
    run,
    telling,
)
from gateway.database.clock import utc_now


def main(argv: Sequence[str]) -> int:
    """Create, list, rotate and revoke API keys."""
    return run(_parser(), argv, command=_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagemesh keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key and print it, this once")
    create.add_argument("account", type=account_name, help="who pays; made where missing")
    create.add_argument("--days", type=_lifetime, help="the key expires after so many days")
    create.add_argument(
        "--scopes",
        type=_scopes,
        help="what it may ask, such as ocr,usage,webhooks",
    )
    create.add_argument(
        "--policy", type=_policy, help="its nudity policy, one of VISION_NUDITY_POLICIES"
    )
    listing = commands.add_parser("list", help="print what is known about every key")
    revoke = commands.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("id", help="the key's id, its third part: im_live_<id>_...")
    rotate = commands.add_parser("rotate", help="make a key like another, which ends soon")
    rotate.add_argument("id", help="id of the key to replace")
    rotate.add_argument(
        "--grace-days",
        type=_lifetime,
        default=GRACE,
        help=f"how long the old key stays good; {GRACE.days} unless said",
    )
    for command in (create, listing, revoke, rotate):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


@telling
def _lifetime(text: str) -> timedelta:
    return lifetime(float(text))


@telling
def _scopes(text: str) -> list[str]:
    scopes = [scope.strip() for scope in text.split(",")]
    check_scopes(scopes)
    return scopes


@telling
def _policy(text: str) -> str:
    check_policy(text)
    return text


async def _run(engine: AsyncEngine, arguments: argparse.Namespace) -> int:
    keys = KeyStore(engine)
    if arguments.command == "create":
        key = await keys.create(
            arguments.account,
            expires_in=arguments.days,
            scopes=arguments.scopes,
            policy=arguments.policy,
        )
        return _print_key(key, as_json=arguments.json)
    if arguments.command == "revoke":
        return await _revoke(keys, arguments.id, as_json=arguments.json)
    if arguments.command == "rotate":
        return await _rotate(keys, arguments)
    return _print_keys(await keys.list_keys(), as_json=arguments.json)


def _print_key(key: str, *, as_json: bool) -> int:
    return print_json({"id": key_id(key), "key": key}) if as_json else print_line(key)


async def _revoke(keys: KeyStore, name: str, *, as_json: bool) -> int:
    if not await keys.revoke(name):
        return fail(f"there is no live key with the id {name}")
    return print_json({"revoked": name}) if as_json else print_line(f"revoked {name}")


async def _rotate(keys: KeyStore, arguments: argparse.Namespace) -> int:
    key = await keys.rotate(arguments.id, grace=arguments.grace_days)
    if key is None:
        return fail(f"there is no live key with the id {arguments.id}")
    return _print_key(key, as_json=arguments.json)


def _print_keys(found: Sequence[ApiKey], *, as_json: bool) -> int:
    if as_json:
        return print_json(found)
    header = ("ID", "STATE", "CREATED", "EXPIRES", "LAST USED", "SCOPES", "POLICY", "ACCOUNT")
    rows = [
        (
            key.id,
            _state(key),
            minute(key.created_at),
            minute(key.expires_at),
            minute(key.last_used_at),
            "all" if key.scopes is None else ",".join(key.scopes),
            key.policy or "default",
            key.account,
        )
        for key in found
    ]
    return print_table(header, rows)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= utc_now():
        return "expired"
    return "live"
