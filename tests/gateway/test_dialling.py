"""Forbidden addresses, the guard of DNS answers and dialled addresses, and bounded look-ups."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from aiohttp import AddrInfoType

from gateway.fetching.addresses import is_exempt, is_forbidden, parse_networks
from gateway.fetching.dialling import (
    DialGuard,
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


async def test_name_without_addresses_is_an_error() -> None:
    with pytest.raises(OSError, match="no address"):
        await GuardedResolver(Names({"empty.test": [[]]}), DialGuard()).resolve("empty.test", 80)


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
