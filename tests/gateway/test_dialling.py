"""Forbidden addresses, the guard of DNS answers and dialled addresses, and bounded look-ups."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from aiohttp import AddrInfoType

from gateway.fetching.addresses import FORBIDDEN_NETWORKS, is_exempt, is_forbidden, parse_networks
from gateway.fetching.dialling import (
    DialGuard,
    ForbiddenAddressError,
    ForbiddenPortError,
    GuardedResolver,
    PooledResolver,
    look_up,
)
from gateway.problems import Problem
from tests.gateway.fetchers import Names

FORBIDDEN = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.255 168.63.129.16
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.9 192.0.0.192 192.0.2.1 192.88.99.1
192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250
240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:0.0.0.0 ::ffff:127.0.0.1
::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1
64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 100::1 200::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:db8::1 2002:7f00:1::1
2002:a9fe:a9fe::1 2002:808:808::1 3ffe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254
fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1 8000::1
""".split()

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
168.63.129.15 172.15.255.255 172.32.0.0 192.167.255.255 198.17.255.255 198.20.0.0
223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:200::1 2001:4860:4860::8888
2606:4700:4700::1111 2a00:1450::1
""".split()


@pytest.mark.parametrize("address", FORBIDDEN)
def test_address_of_the_table_is_forbidden(address: str) -> None:
    assert is_forbidden(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_not_forbidden(address: str) -> None:
    assert not is_forbidden(ip_address(address))


@pytest.mark.parametrize("network", FORBIDDEN_NETWORKS, ids=str)
def test_both_ends_of_every_network_are_forbidden(network: object) -> None:
    ends = ip_network(str(network))

    assert is_forbidden(ends[0])
    assert is_forbidden(ends[-1])


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("10.1.2.3", "10.1.0.0/16"),
        ("::ffff:10.1.2.3", "10.1.0.0/16"),
        ("64:ff9b::10.1.2.3", "10.1.0.0/16"),
        ("fd00::7", "fd00::/8"),
        ("2002:a01:203::1", "2002::/16,10.0.0.0/8"),
    ],
)
def test_allowed_network_is_exempt(address: str, allow: str) -> None:
    networks = parse_networks(allow)

    assert not is_forbidden(ip_address(address), networks)
    assert is_exempt(ip_address(address), networks)


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("10.2.0.1", "10.1.0.0/16"),
        ("127.0.0.1", "::/0"),
        ("::ffff:127.0.0.1", "::/0"),
        ("64:ff9b::127.0.0.1", "::/0"),
        ("2002:7f00:1::1", "2002::/16"),
        ("2001:0:7f00:1::1", "2001::/32"),
    ],
)
def test_exempt_network_does_not_open_the_addresses_carried_inside_others(
    address: str, allow: str
) -> None:
    assert is_forbidden(ip_address(address), parse_networks(allow))


def test_public_address_is_not_exempt_unless_named() -> None:
    assert not is_exempt(ip_address("8.8.8.8"), parse_networks("10.0.0.0/8"))


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_empty_list_of_networks_is_none(text: str) -> None:
    assert parse_networks(text) == ()


def test_list_of_networks_is_read_with_spaces() -> None:
    assert parse_networks("10.0.0.0/8, fd00::/8") == (
        ip_network("10.0.0.0/8"),
        ip_network("fd00::/8"),
    )


@pytest.mark.parametrize("text", ["10.0.0.1/8", "example.com", "10.0.0.0/33", "10.0.0.0/8;::1"])
def test_list_of_networks_with_a_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_networks(text)


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
