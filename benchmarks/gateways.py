"""The real gateway as benchmarks run it: keys in its database, and its settings."""

from collections.abc import Mapping
from pathlib import Path

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.database.engine import open_database

MANY_CREDITS = 10**9


async def make_keys(folder: Path, *accounts: str, paying: bool = False) -> list[str]:
    """Return a key of each account; paying ones have credits that do not run out."""
    engine = await open_database(_database_url(folder))
    keys = [await KeyStore(engine).create(account) for account in accounts]
    if paying:
        for account in accounts:
            await AccountStore(engine).credit(account, MANY_CREDITS)
    await engine.dispose()
    return keys


def gateway_settings(folder: Path, port: int, addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a gateway on a port, before services at these addresses by name."""
    return {
        "GATEWAY_PORT": str(port),
        "GATEWAY_DATABASE_URL": _database_url(folder),
        "GATEWAY_RESULTS_DIR": f"{folder}/results",
        **{f"GATEWAY_{name.upper()}_ADDRESS": address for name, address in addresses.items()},
    }


def _database_url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/gateway.db"
