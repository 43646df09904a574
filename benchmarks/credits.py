"""Spend 1,500 credits with 2,000 parallel calls to four gateways: python -m benchmarks.credits.

Each gateway is a process of its own; the service behind them answers at once, so what is measured
is the gateways and their database. PostgreSQL is started for the occasion where it is installed.
"""

import argparse
import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

import aiohttp

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.database.engine import open_database
from servicekit.logs import configure_logs
from tests.gateway.fleet import Member, fleet
from tests.gateway.servers import empty_database, postgres
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage


def main() -> None:
    """Do it on SQLite and on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=4)
    parser.add_argument("--credits", type=int, default=1500)
    parser.add_argument("--calls", type=int, default=2000)
    arguments = parser.parse_args()
    configure_logs("error", log_format="text")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/gateway.db"
        asyncio.run(_spend("SQLite", url, Path(folder), arguments))
        with postgres() as server:
            url = empty_database(server)
            asyncio.run(_spend("PostgreSQL", url, Path(folder), arguments))


async def _spend(name: str, url: str, folder: Path, arguments: argparse.Namespace) -> None:
    engine = await open_database(url)
    key = await KeyStore(engine).create("ada")
    await AccountStore(engine).credit("ada", arguments.credits)
    async with serving_all(Stage()) as addresses:
        settings = {**addresses, "max_in_flight": str(arguments.calls)}
        async with fleet(arguments.gateways, folder, database=url, settings=settings) as members:
            statuses, seconds = await _call(members, key, arguments.calls)
    (account,) = await AccountStore(engine).list_accounts()
    await engine.dispose()
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    print(f"{name}: {answers}; {arguments.calls / seconds:.0f} calls/s")
    print(f"  balance {account.balance}, held {account.held}")


async def _call(members: list[Member], key: str, calls: int) -> tuple[Counter[int], float]:
    connector = aiohttp.TCPConnector(limit=0)

    async def call(turn: int) -> int:
        url = f"{members[turn % len(members)].url}/api/v1/analyzed-text"
        async with http.post(url, json={"text": "hello"}) as reply:
            return reply.status

    async with aiohttp.ClientSession(connector=connector, headers={"X-API-Key": key}) as http:
        began_s = monotonic()
        statuses = await asyncio.gather(*map(call, range(calls)))
        return Counter(statuses), monotonic() - began_s


if __name__ == "__main__":
    main()
