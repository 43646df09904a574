"""Fixtures of the gateway's tests: three hand-written services and a gateway before them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.gateway.processes import JobProcesses, job_processes
from tests.gateway.running import (
    Gateway,
    Hands,
    Start,
    database_url,
    gateway_settings,
    open_new,
    running,
)
from tests.gateway.servers import Server, empty_database, nats_server, postgres
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage


@pytest.fixture(scope="session", autouse=True)
def nats() -> Iterator[Server]:
    """Return the NATS server of all gateways of this process; each has a stream of its own."""
    with nats_server() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("GATEWAY_NATS_URL", server.url)
        yield server


@pytest.fixture(scope="session")
async def stage() -> Stage:
    """Return what the services of `gateway` saw; tests that wait on it take one of their own."""
    return Stage()


@pytest.fixture(scope="session")
async def addresses(stage: Stage) -> AsyncIterator[dict[str, str]]:
    """Return where the services are, as settings of a gateway."""
    async with serving_all(stage) as found:
        yield found


@pytest.fixture(scope="session")
async def gateway(
    addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """Return a gateway that all tests share."""
    settings = gateway_settings(tmp_path_factory.mktemp("gateway"), **addresses)
    async with running(settings) as found:
        yield found


@pytest.fixture
def start(addresses: dict[str, str], tmp_path: Path) -> Start:
    """Return what runs a gateway of the test's own, with these settings changed."""

    def run(
        clock: Hands | None = None,
        **changes: Any,  # Any: values of any setting
    ) -> AbstractAsyncContextManager[Gateway]:
        settings = gateway_settings(tmp_path, **{**addresses, **changes})
        return running(settings, clock=clock)

    return run


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Return a PostgreSQL that all tests share; each empties its database first."""
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database; each test that asks runs with either."""
    if request.param == "sqlite":
        return database_url(tmp_path)
    server: Server = request.getfixturevalue("postgres_server")
    return empty_database(server)


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Return an open database of each kind, its tables made."""
    opened = await open_new(url)
    yield opened
    await opened.dispose()


@pytest.fixture
def clock() -> Hands:
    """Return a clock that the test moves."""
    return Hands()


@pytest.fixture(scope="module")
async def started_processes(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[JobProcesses]:
    """Return a gateway and two workers that the tests of a file kill and start again."""
    async with job_processes(tmp_path_factory.mktemp("processes")) as found:
        yield found


@pytest.fixture
async def processes(started_processes: JobProcesses) -> JobProcesses:
    """Return the same, all of them running."""
    await started_processes.restore()
    return started_processes
