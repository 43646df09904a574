"""The guard of DNS answers and dialled addresses, and the bounded lookups."""

import asyncio
import socket
import threading
from collections.abc import Sequence

import pytest
from aiohttp import AddrInfoType

from gateway.fetching.addresses import parse_networks
from gateway.fetching.dialling import (
    DialGuard,
    ForbiddenAddressError,
    ForbiddenPortError,
    GuardedResolver,
    PooledResolver,
    look_up,
)
from gateway.problems import Problem
from tests.gateway.names import Names


def _stream_to(host: str, port: int) -> AddrInfoType:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "169.254.169.254", "localhost", ""])
def test_guard_opens_no_socket_to_a_forbidden_address_or_a_name(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        DialGuard().open_socket(_stream_to(host, 80))


def test_guard_opens_a_socket_to_a_public_address() -> None:
    with DialGuard().open_socket(_stream_to("8.8.8.8", 443)) as opened:
        assert opened.type == socket.SOCK_STREAM


@pytest.mark.parametrize("port", [0, 22, 6379, 8080])
def test_guard_refuses_ports_that_are_not_the_webs(port: int) -> None:
    with pytest.raises(ForbiddenPortError):
        DialGuard(parse_networks("10.0.0.0/8")).check("8.8.8.8", port)


def test_guard_lets_exempt_networks_use_any_port() -> None:
    DialGuard(parse_networks("10.0.0.0/8")).check("10.1.2.3", 9000)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2606:4700::1111", "8.8.8.8", "::ffff:10.0.0.1"],
        ["64:ff9b::169.254.169.254"],
    ],
)
async def test_name_with_any_forbidden_address_is_refused_whole(addresses: list[str]) -> None:
    resolver = GuardedResolver(Names({"mixed.test": [addresses]}), DialGuard())

    with pytest.raises(ForbiddenAddressError):
        await resolver.resolve("mixed.test", 80)


async def test_name_with_public_addresses_is_resolved() -> None:
    names = Names({"good.test": [["8.8.8.8", "2606:4700::1111"]]})

    answers = await GuardedResolver(names, DialGuard()).resolve("good.test", 80)

    assert [answer["host"] for answer in answers] == ["8.8.8.8", "2606:4700::1111"]


async def test_name_without_addresses_is_an_error() -> None:
    with pytest.raises(OSError, match="no address"):
        await GuardedResolver(Names({"empty.test": [[]]}), DialGuard()).resolve("empty.test", 80)


async def test_system_resolver_finds_localhost() -> None:
    resolver = PooledResolver(threads=1, max_lookups=1, timeout_s=5.0)

    answers = await resolver.resolve("localhost", 80, socket.AF_INET)
    await resolver.close()

    assert {(answer["host"], answer["port"]) for answer in answers} == {("127.0.0.1", 80)}


class _StuckNameServer:
    """Answers nobody before `release`."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def look_up(self, _: str, port: int, family: socket.AddressFamily) -> Sequence[AddrInfoType]:
        self.release.wait(10.0)
        return look_up("127.0.0.1", port, family)


async def test_lookup_without_answer_ends_in_time() -> None:
    server = _StuckNameServer()
    resolver = PooledResolver(threads=1, max_lookups=1, timeout_s=0.05, look_up=server.look_up)

    with pytest.raises(OSError, match="in time"):
        await resolver.resolve("slow.test", 80)

    server.release.set()
    await resolver.close()


async def test_lookups_given_up_on_keep_their_place_until_they_end() -> None:
    server = _StuckNameServer()
    resolver = PooledResolver(threads=1, max_lookups=1, timeout_s=0.05, look_up=server.look_up)
    with pytest.raises(OSError, match="in time"):
        await resolver.resolve("slow.test", 80)

    with pytest.raises(Problem) as caught:
        await resolver.resolve("other.test", 80)

    assert (caught.value.status, caught.value.code) == (503, "overloaded")
    server.release.set()
    await resolver.close()


async def test_lookups_wait_for_a_thread_and_are_all_answered() -> None:
    server = _StuckNameServer()
    resolver = PooledResolver(threads=1, max_lookups=3, timeout_s=5.0, look_up=server.look_up)
    lookups = [asyncio.ensure_future(resolver.resolve(f"{n}.test", 80)) for n in range(3)]

    server.release.set()
    answers = await asyncio.gather(*lookups)
    await resolver.close()

    assert [answer[0]["hostname"] for answer in answers] == ["0.test", "1.test", "2.test"]
