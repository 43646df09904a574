"""Renewed certificates are used without a restart and without a failed request."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from benchmarks.replica import ANSWERS
from benchmarks.replicated import ReplicatedMesh, replicated_mesh
from benchmarks.running_envoy import http_client, native_channel
from scripts.dev_certificates import make_certificates
from scripts.envoy_on_loopback import Places
from scripts.ports import LOOPBACK

FILES = ("tls.crt", "tls.key", "ca.crt")
TAKEN_WITHIN_S = 10


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[ReplicatedMesh]:
    """Run a mesh whose certificates are mounted as Kubernetes mounts a Secret."""
    tls = tmp_path / "tls"
    (tls / "..1").mkdir(parents=True)
    (tls / "..data").symlink_to("..1")
    for name in FILES:
        (tls / name).symlink_to(f"..data/{name}")
    async with replicated_mesh(tmp_path, {"vision": (0.05,)}) as running:
        yield running


def swap(mounted: Path, secret: Path) -> None:
    """Renew what is mounted as the kubelet does: all files at once."""
    shutil.copytree(secret, mounted / "..2")
    (mounted / "..data_tmp").symlink_to("..2")
    (mounted / "..data_tmp").rename(mounted / "..data")


def move(mounted: Path, secret: Path) -> None:
    """Renew it with `mv`, one file after the other."""
    for name in FILES:
        shutil.copy(secret / name, mounted / "new")
        (mounted / "new").rename(mounted / name)


def new_certificates(mesh: ReplicatedMesh, folder: Path) -> tuple[Path, Places]:
    """Return new ones, and the mesh for a caller who has one and trusts old and new servers."""
    secret, callers = folder / "secret", folder / "callers"
    make_certificates(secret)
    shutil.copytree(secret, callers)
    with (callers / "ca.crt").open("ab") as trusted:
        trusted.write((mesh.places.tls / "ca.crt").read_bytes())
    return secret, replace(mesh.places, tls=callers)


@pytest.mark.parametrize("renew", [swap, move])
async def test_renewed_certificates_cost_no_request_and_judge_callers(
    mesh: ReplicatedMesh, tmp_path: Path, renew: Callable[[Path, Path], None]
) -> None:
    secret, places = new_certificates(mesh, tmp_path)
    before, code_before = await shown(places, "public"), await code_for(places)
    async with http_client(places) as http, native_channel(places) as channel:
        asking = replace(mesh, http=http, channel=channel)
        is_over = asyncio.Event()
        loads = [asyncio.create_task(statuses(asking, is_over)) for _ in range(4)]
        renew(mesh.places.tls, secret)
        async with asyncio.timeout(TAKEN_WITHIN_S):
            for listener in ("public", "native"):
                while await shown(places, listener) == before:
                    pass
        is_over.set()
        answered = await asyncio.gather(*loads)

    assert [set(one) for one in answered] == [{200}] * 4
    assert code_before is grpc.StatusCode.UNAVAILABLE
    await until_judged(places)
    assert await code_for(mesh.places) is grpc.StatusCode.UNAVAILABLE


async def test_certificate_without_its_key_changes_nothing(
    mesh: ReplicatedMesh, tmp_path: Path
) -> None:
    secret, places = new_certificates(mesh, tmp_path)
    before = await shown(places, "public")
    shutil.copy(mesh.places.tls / "tls.key", secret / "tls.key")

    swap(mesh.places.tls, secret)
    await until_judged(places)

    assert await shown(places, "public") == before


async def shown(places: Places, listener: str) -> bytes:
    """Return the certificate that a new connection is shown."""
    trust = ssl.create_default_context(cafile=str(places.tls / "ca.crt"))
    port = places.listeners[listener]
    _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=trust)
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return certificate


async def statuses(mesh: ReplicatedMesh, is_over: asyncio.Event) -> list[int]:
    """Return what comes of requests that are sent one after the other until it is over."""
    found = []
    while not is_over.is_set():
        found += [await mesh.ask("vision"), await mesh.call("vision")]
    return found


async def until_judged(places: Places) -> None:
    """Wait until the caller whose certificate is there is let in."""
    async with asyncio.timeout(TAKEN_WITHIN_S):
        while await code_for(places) is not grpc.StatusCode.OK:
            pass


async def code_for(places: Places) -> grpc.StatusCode:
    """Return what comes of an RPC of the caller whose certificate is there."""
    async with native_channel(places, certificate="caller") as channel:
        ask: Any = channel.unary_unary(ANSWERS["vision"][0])  # Any: bytes in, bytes out
        try:
            await ask(b"", timeout=10)
        except grpc.aio.AioRpcError as error:
            return error.code()
    return grpc.StatusCode.OK
