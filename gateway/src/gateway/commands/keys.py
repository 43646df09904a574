"""`imagemesh keys create|list|revoke|rotate`: the API keys of this gateway's database."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from commandkit.cli import new_app
from gateway.accounts.key_format import key_id
from gateway.accounts.keys import GRACE, ApiKey, KeyStore, check_policy, lifetime
from gateway.accounts.scopes import check_scopes
from gateway.commands.terminal import (
    DATABASE,
    AccountName,
    Database,
    fail,
    minute,
    print_json,
    print_table,
)
from gateway.database.clock import utc_now

APP = new_app("keys", help="Create, list, rotate and revoke API keys.")


def _check_days(_: object, days: float | None) -> None:
    if days is not None:
        lifetime(days)


def _check_scopes(_: object, scopes: str) -> None:
    if scopes:
        check_scopes(_split(scopes))


def _check_policy(_: object, name: str) -> None:
    if name:
        check_policy(name)


Days = Annotated[float, Parameter(validator=_check_days)]


@APP.command
async def create(
    account: AccountName,
    /,
    *,
    days: Days | None = None,
    scopes: Annotated[str, Parameter(validator=_check_scopes)] = "",
    policy: Annotated[str, Parameter(validator=_check_policy)] = "",
    database: Database = DATABASE,
) -> int:
    """Make a key and print it, this once.

    Args:
        account: Account that pays; made where it is missing.
        days: Days until the key expires.
        scopes: Endpoints that the key may ask, such as ocr,usage,webhooks; all without.
        policy: Nudity policy, one of VISION_NUDITY_POLICIES.
    """
    expires_in = None if days is None else lifetime(days)
    names = _split(scopes) if scopes else None
    async with database.open() as engine:
        key = await KeyStore(engine).create(
            account, expires_in=expires_in, scopes=names, policy=policy or None
        )
    return _print_key(key, database)


@APP.command(name="list")
async def list_keys(*, database: Database = DATABASE) -> int:
    """Print what is known about every key."""
    async with database.open() as engine:
        found = await KeyStore(engine).list_keys()
    return print_json(found) if database.json else _print_keys(found)


@APP.command
async def revoke(key: str, /, *, database: Database = DATABASE) -> int:
    """Refuse a key from now on.

    Args:
        key: Id of the key, its third part: im_live_<id>_...
    """
    async with database.open() as engine:
        is_revoked = await KeyStore(engine).revoke(key)
    return database.print({"revoked": key}, f"revoked {key}") if is_revoked else _unknown(key)


@APP.command
async def rotate(
    key: str, /, *, grace_days: Days = GRACE.days, database: Database = DATABASE
) -> int:
    """Make a key like another, which ends soon.

    Args:
        key: Id of the key to replace.
        grace_days: Days for which the old key stays good.
    """
    async with database.open() as engine:
        new = await KeyStore(engine).rotate(key, grace=lifetime(grace_days))
    return _unknown(key) if new is None else _print_key(new, database)


def _split(scopes: str) -> list[str]:
    return [scope.strip() for scope in scopes.split(",")]


def _unknown(name: str) -> int:
    return fail(f"there is no live key with the id {name}")


def _print_key(key: str, database: Database) -> int:
    return database.print({"id": key_id(key), "key": key}, key)


def _print_keys(found: Sequence[ApiKey]) -> int:
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
