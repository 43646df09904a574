"""The table of forbidden addresses."""

from ipaddress import ip_address, ip_network

import pytest

from gateway.fetching.addresses import FORBIDDEN_NETWORKS, is_exempt, is_forbidden, parse_networks

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
