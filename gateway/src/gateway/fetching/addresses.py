"""The addresses that a fetch may never reach, and the networks an operator exempts.

`ipaddress.is_global` is not asked: on Python 3.11 it lets multicast, NAT64 of a loopback address,
`fec0::/10` and the metadata address of Azure through.

Source: the IANA registries of special-purpose IPv4 and IPv6 addresses; RFC 4291 for IPv6.

Limit: a NAT64 prefix that an operator chose inside its own public network (RFC 6052, section 2.2)
cannot be told from any other public address; such a network needs an egress policy as well.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_FORBIDDEN_ROWS = (
    ("0.0.0.0/8", "RFC 791: this host on this network"),
    ("10.0.0.0/8", "RFC 1918: private"),
    ("100.64.0.0/10", "RFC 6598: carrier-grade NAT; also the metadata service of Alibaba Cloud"),
    ("127.0.0.0/8", "RFC 1122: loopback"),
    ("168.63.129.16/32", "Azure: the platform's agent, DNS and metadata, on a public address"),
    ("169.254.0.0/16", "RFC 3927: link-local; the metadata services of most clouds"),
    ("172.16.0.0/12", "RFC 1918: private"),
    ("192.0.0.0/24", "RFC 6890: protocol assignments; also the metadata service of Oracle Cloud"),
    ("192.0.2.0/24", "RFC 5737: documentation"),
    ("192.31.196.0/24", "RFC 7535: AS112 sink, usually a host nearby"),
    ("192.52.193.0/24", "RFC 7450: multicast tunnelling"),
    ("192.88.99.0/24", "RFC 7526: 6to4 relays, withdrawn"),
    ("192.168.0.0/16", "RFC 1918: private"),
    ("192.175.48.0/24", "RFC 7534: AS112 sink, usually a host nearby"),
    ("198.18.0.0/15", "RFC 2544: benchmarking"),
    ("198.51.100.0/24", "RFC 5737: documentation"),
    ("203.0.113.0/24", "RFC 5737: documentation"),
    ("224.0.0.0/4", "RFC 5771: multicast"),
    ("240.0.0.0/4", "RFC 1112: reserved, with the broadcast address 255.255.255.255"),
    ("::/96", "RFC 4291: unspecified, loopback and IPv4-compatible"),
    ("::ffff:0:0:0/96", "RFC 2765: IPv4-translated"),
    ("64:ff9b:1::/48", "RFC 8215: NAT64 into a local network"),
    ("100::/64", "RFC 6666: discard-only"),
    ("2001::/23", "RFC 2928: protocol assignments, with Teredo (RFC 4380), benchmarking, ORCHID"),
    ("2001:db8::/32", "RFC 3849: documentation"),
    ("2002::/16", "RFC 3056: 6to4"),
    ("2620:4f:8000::/48", "RFC 7534: AS112 sink, usually a host nearby"),
    ("3ffe::/16", "RFC 3701: 6bone, returned"),
    ("3fff::/20", "RFC 9637: documentation"),
    ("5f00::/16", "RFC 9602: segment identifiers"),
    ("fc00::/7", "RFC 4193: unique local; the IPv6 metadata services of AWS and Google"),
    ("fe80::/10", "RFC 4291: link-local"),
    ("fec0::/10", "RFC 3879: site-local, withdrawn but still routed inside old networks"),
    ("ff00::/8", "RFC 4291: multicast"),
    # Global unicast is 2000::/3; the rest below is held back, so that a later use is refused too.
    ("::/3", "RFC 4291: outside global unicast"),
    ("4000::/2", "RFC 4291: outside global unicast"),
    ("8000::/1", "RFC 4291: outside global unicast"),
)
FORBIDDEN_NETWORKS: tuple[Network, ...] = tuple(ip_network(row) for row, _ in _FORBIDDEN_ROWS)

# RFC 6052, section 2.1. In a network without IPv4 every IPv4 origin is seen at such an address,
# so it is judged like the IPv4 address it carries, as an IPv4-mapped one is.
_NAT64 = IPv6Network("64:ff9b::/96")


def is_forbidden(address: Address, allow: Sequence[Network] = ()) -> bool:
    """Tell whether a fetch must not reach this address.

    Args:
        address: as it would be dialled.
        allow: networks exempt from the table. An IPv6 address that carries an IPv4 address is
            exempt only when the carried one may be reached too.
    """
    return any(
        _is_in(face, FORBIDDEN_NETWORKS) and not _is_in(face, allow) for face in _faces(address)
    )


def is_exempt(address: Address, allow: Sequence[Network]) -> bool:
    """Tell whether the operator named this address, with all that it carries, in `allow`."""
    return all(_is_in(face, allow) for face in _faces(address))


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read comma-separated CIDR networks, as in `GATEWAY_FETCH_ALLOW`; empty text means none.

    Raises:
        ValueError: an entry is no network, or has bits set beyond its prefix.
    """
    return tuple(ip_network(entry.strip()) for entry in text.split(",") if entry.strip())


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _faces(address: Address) -> tuple[Address, ...]:
    """Return what the address stands for: itself and the IPv4 addresses it carries."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    last_32_bits = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64:
        return (last_32_bits,)
    if address.sixtofour is not None:
        return (address, address.sixtofour)
    if address.teredo is not None:
        return (address, *address.teredo)
    return (address,)
