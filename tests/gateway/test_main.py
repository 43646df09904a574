"""`python -m gateway` as a real process."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import grpc
import pytest

from imagemesh.admin.v1.admin_service_pb2 import CreateKeyRequest
from imagemesh.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from scripts.ports import free_port
from tests.gateway.administering import TOKEN
from tests.gateway.running import database_url

ENOUGH_S = 30  # far beyond a start of Python


@asynccontextmanager
async def started(folder: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        cwd=folder,
        env={"GATEWAY_DATABASE_URL": database_url(folder), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(ENOUGH_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def get(url: str) -> int:
    """Return the status of a page, asked for until somebody answers."""
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as response:
                    return response.status
            except aiohttp.ClientConnectionError:
                continue


async def test_process_serves_both_ports_until_it_is_told_to_end(tmp_path: Path, port: int) -> None:
    admin_port = free_port()
    settings = {"PORT": port, "ADMIN_PORT": admin_port, "ADMIN_TOKEN": TOKEN, "LOG_LEVEL": "debug"}
    environment = {f"GATEWAY_{name}": str(value) for name, value in settings.items()}
    async with (
        started(tmp_path, **environment) as process,
        grpc.aio.insecure_channel(f"127.0.0.1:{admin_port}") as channel,
    ):
        status = await get(f"http://127.0.0.1:{port}/healthz")
        made = await AdminServiceStub(channel).CreateKey(
            CreateKeyRequest(account="ada"),
            metadata=(("authorization", f"Bearer {TOKEN}"),),
            wait_for_ready=True,
        )
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()

    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 200
    assert ("request", "/healthz") in [(line["event"], line.get("route")) for line in lines]
    assert ("rpc", "CreateKey") in [(line["event"], line.get("method")) for line in lines]
    assert (process.returncode, err) == (0, b"")
    assert made.key not in out.decode()


async def test_corrupt_database_ends_the_start_with_a_few_lines(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"no database" * 1000)
    async with started(tmp_path, GATEWAY_PORT="0") as process:
        out, err = await process.communicate()

    faults = [json.loads(line) for line in out.splitlines() if b"database unusable" in line]
    assert process.returncode == 3
    assert [(fault["state"], "Traceback" in str(fault)) for fault in faults] == [
        ("database corrupt", False)
    ]
    assert b"Traceback" not in out + err
    assert len(out + err) < 2000
