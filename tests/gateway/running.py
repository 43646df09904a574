"""A gateway for tests: the real application, server, database and client, and its accounts."""

import asyncio
import io
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import uvicorn
from multidict import CIMultiDictProxy
from sqlalchemy import func, make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.app import build_app
from gateway.connections.limits import ConnectionLimits, OpenConnections
from gateway.connections.protocol import limited_protocol
from gateway.database.clock import Clock
from gateway.database.engine import open_database
from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER, USAGE
from gateway.settings import GatewaySettings
from servicekit.telemetry import HttpMetrics
from tests.gateway.origin import IMAGE, Answer, image_answer, listening
from tests.gateway.servers import prefix_of
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage


@dataclass(slots=True)
class Hands:
    """A clock whose hands the test moves; UTC without a zone, as the database keeps it."""

    now: datetime = datetime(2026, 1, 1)  # noqa: DTZ001 - see the class

    def __call__(self) -> datetime:
        """Return the time that they show."""
        return self.now


_CONNECTIONS = ConnectionLimits(total=1024, per_address=512)
# Words that only a stack or the innards of the gateway have.
_INTERNALS = re.compile(r"Traceback|sqlite|\.py\b|File \"")
_MADE: list[bytes] = []  # an empty database, once there was one
_CLIENT_TIMEOUT = aiohttp.ClientTimeout(total=30)  # far more than any test; none may hang


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of the gateway."""

    status: int
    headers: "CIMultiDictProxy[str]"
    body: bytes

    @property
    def json(self) -> Any:  # Any: a JSON document
        """The body as JSON values."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error, whose shape is the one of all errors."""
        assert self.headers["Content-Type"] == "application/json"
        assert self.json.keys() == {"error"}
        assert list(self.json["error"]) == ["code", "message", "request_id"]
        assert self.json["error"]["request_id"] == self.headers["X-Request-Id"]
        assert self.message
        assert not _INTERNALS.search(self.message)
        return self.status, self.json["error"]["code"]

    @property
    def message(self) -> str:
        """Message of an error."""
        return str(self.json["error"]["message"])


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that listens."""

    url: str  # its base, without a slash at the end
    key: str  # a good API key of the account "tests"
    settings: GatewaySettings  # what it was started with
    http: aiohttp.ClientSession  # a client

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection for bytes that no HTTP client sends."""
        url = URL(self.url)
        return await asyncio.open_connection(url.host, url.port)

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,  # Any: bytes, an iterator of bytes, or a form
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send exactly this, the key only if it is among the headers."""
        url = URL(self.url + path, encoded=True)
        if isinstance(body, bytes) and len(body) >= 2**20:
            body = io.BytesIO(body)  # aiohttp warns about much at once
        request = self.http.request(method, url, data=body, headers=headers, allow_redirects=False)
        async with request as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str) -> Reply:
        """GET a path with the key."""
        return await self.send("GET", path, headers={"X-API-Key": self.key})

    async def post(self, endpoint: str, body: object, **headers: str) -> Reply:
        """POST to /api/v1/`endpoint` with the key; a body that is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"X-API-Key": self.key, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.send("POST", f"/api/v1/{endpoint}", body=content, headers=sent)

    async def look(self, endpoint: str, word: bytes = b"", **fields: object) -> Reply:
        """POST the URL of an image that tells the services `word`."""
        return await self.look_at(endpoint, image_answer(IMAGE + word), **fields)

    async def look_at(self, endpoint: str, answer: Answer, **fields: object) -> Reply:
        """POST the URL of an origin that gives this answer."""
        async with listening(answer) as origin:
            return await self.post(endpoint, {"url": origin.url(), **fields})


Start = Callable[..., AbstractAsyncContextManager[Gateway]]


def gateway_settings(folder: Path, **changes: Any) -> GatewaySettings:  # Any: values of any field
    """Return settings whose files are in `folder` and whose fetcher may reach loopback."""
    defaults = {
        "database_url": database_url(folder),
        "results_dir": folder / "results",
        "fetch_allow": "127.0.0.0/8",
        "rate_limit": "",  # tests that wait ask as fast as they can
        "nats_prefix": prefix_of(folder),
        "drain_s": 0,  # jobs in hand are given back at once
        "job_retry_s": 0.01,
    }
    return GatewaySettings(**{**defaults, **changes})


def database_url(folder: Path) -> str:
    """Return the URL of a SQLite file in `folder`."""
    return f"sqlite+aiosqlite:///{folder / 'gateway.db'}"


@asynccontextmanager
async def running(
    settings: GatewaySettings, *, clock: Clock | None = None
) -> AsyncIterator[Gateway]:
    """Run a gateway in this event loop, ready when yielded; the first request waited for that."""
    key = await create_key(settings)
    config = uvicorn.Config(
        build_app(settings, clock=clock),
        http=limited_protocol(OpenConnections(_CONNECTIONS, HttpMetrics())),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,  # the client keeps a connection idle for 15 s
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    # As asyncio sets it on sockets of its own; without it an answer waits 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with aiohttp.ClientSession(timeout=_CLIENT_TIMEOUT) as http:
        gateway = Gateway(url, key, settings, http)
        try:
            await gateway.get("/healthz")
            yield gateway
        finally:
            server.should_exit = True
            await task


async def open_new(url: str) -> AsyncEngine:
    """Open a database; a SQLite file that is missing begins as a copy of the first one."""
    is_first = _is_first(url)
    engine = await open_database(url)
    if is_first:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        _MADE.append(_file(url).read_bytes())
    return engine


def _is_first(url: str) -> bool:
    """Tell whether a SQLite file is missing and there is none to copy."""
    if not url.startswith("sqlite") or _file(url).exists():
        return False
    for content in _MADE:
        _file(url).write_bytes(content)
    return not _MADE


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")


async def create_key(
    settings: GatewaySettings,
    *,
    account: str = "tests",
    scopes: Sequence[str] | None = None,
    policy: str | None = None,
) -> str:
    """Return a new key of `account`."""
    engine = await open_new(settings.database_url)
    key = await KeyStore(engine).create(account, scopes=scopes, policy=policy)
    await engine.dispose()
    return key


class Books(NamedTuple):
    """Sums over the tables; of what ends well, balance + held = ledger and spent = charged."""

    balance: int | None  # None where the account is not metered
    held: int  # reserved by what still runs
    ledger: int  # sum of all rows
    spent: int  # credits that usage has counted
    charges: int  # number of rows that charge


async def books(database: AsyncEngine | str, account: str = "tests") -> Books:
    """Return the books of an account."""
    engine = await open_database(database) if isinstance(database, str) else database
    rows = select(func.sum(LEDGER.c.amount)).where(LEDGER.c.account == account)
    charges = select(func.count()).where(LEDGER.c.account == account, LEDGER.c.kind == "charge")
    async with engine.connect() as connection:
        found = [
            await connection.scalar(query)
            for query in (
                select(ACCOUNTS.c.balance).where(ACCOUNTS.c.name == account),
                select(func.sum(HOLDS.c.amount)).where(HOLDS.c.account == account),
                rows,
                select(func.sum(USAGE.c.credits)).where(USAGE.c.account == account),
                charges,
            )
        ]
    if isinstance(database, str):
        await engine.dispose()
    return Books(found[0], *(int(number or 0) for number in found[1:]))


async def give(url: str, amount: int, account: str = "tests") -> None:
    """Credit an account, which is metered from then on."""
    engine = await open_database(url)
    await AccountStore(engine).credit(account, amount)
    await engine.dispose()


async def coins_of(gateway: Gateway) -> int:
    """Return the balance of a metered account; what is held counts as gone."""
    return (await books(gateway.settings.database_url)).balance or 0


ENOUGH_S = 60  # far beyond what any test takes


@asynccontextmanager
async def alone(
    folder: Path,
    *,
    coins: int | None = None,
    clock: Hands | None = None,
    **changes: Any,  # Any: values of any setting
) -> AsyncIterator[tuple[Gateway, Stage]]:
    """Run a gateway and its services, and yield it and what they see.

    Args:
        folder: of its files.
        coins: credits of its account; None is one that nobody meters.
        clock: of the gateway.
        changes: of its settings.
    """
    stage = Stage()
    async with serving_all(stage) as addresses, asyncio.timeout(ENOUGH_S):
        settings = gateway_settings(folder, **addresses, **changes)
        async with running(settings, clock=clock) as gateway:
            if coins is not None:
                await give(settings.database_url, coins)
            yield gateway, stage
