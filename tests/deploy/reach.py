"""Connections that rendered NetworkPolicies allow, computed as Kubernetes defines them.

A connection passes where the policies of its source let it out and those of its target let it in;
pods that no policy of a direction selects are open in that direction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from scripts.render_base import Object
from tests.deploy.objects import labels_of, of_kind, ports_of, selects

Edge = tuple[str, str, str]  # source, target, port such as "8080/TCP"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: pods with labels in a namespace, or an address outside.

    Attributes:
        name: in the edges.
        ports: that could be called, such as "8080/TCP", by name.
        labels: of its pods.
        namespace: of its pods; empty is the namespace of the release.
        address: of an end that is no pod.
        is_ours: whether it is a pod of the release.
    """

    name: str
    ports: Mapping[str, str]
    labels: Mapping[str, str]
    namespace: str = ""
    address: str = ""
    is_ours: bool = False


def pods_of(parts: Sequence[Object]) -> list[End]:
    """Return the pods of the release."""
    return [
        End(
            part["metadata"]["name"].removeprefix("imagemesh-"),
            {name: f"{number}/TCP" for name, number in ports_of(part).items()},
            labels_of(part),
            is_ours=True,
        )
        for part in of_kind(parts, "Deployment")
    ]


def sided_edges(parts: Sequence[Object], ends: Sequence[End]) -> tuple[set[Edge], set[Edge]]:
    """Return the edges that our sources may use, and those that our targets accept."""
    policies = [policy["spec"] for policy in of_kind(parts, "NetworkPolicy")]
    let_out, let_in = set(), set()
    for source in ends:
        for target in ends:
            for name, port in target.ports.items() if source is not target else ():
                edge = (source.name, target.name, port)
                if source.is_ours and _passes(policies, "Egress", source, target, name):
                    let_out.add(edge)
                if target.is_ours and _passes(policies, "Ingress", target, source, name):
                    let_in.add(edge)
    return let_out, let_in


def _passes(policies: Sequence[Object], kind: str, held: End, other: End, port: str) -> bool:
    """Tell whether the policies for `held` allow `other`, at the target's port of that name."""
    target, side = (other, "to") if kind == "Egress" else (held, "from")
    matching = [
        policy
        for policy in policies
        if kind in policy["policyTypes"] and selects(policy["podSelector"], held.labels)
    ]
    return not matching or any(
        _is_peer(rule.get(side), other) and _is_port(rule.get("ports"), port, target.ports[port])
        for policy in matching
        for rule in policy.get(kind.lower(), [])
    )


def _is_port(entries: Sequence[Object] | None, name: str, number: str) -> bool:
    protocol = number.rpartition("/")[2]
    return not entries or any(
        entry.get("protocol", "TCP") == protocol
        and (entry["port"] == name or f"{entry['port']}/{protocol}" == number)
        for entry in entries
    )


def _is_peer(peers: Sequence[Object] | None, end: End) -> bool:
    return not peers or any(_matches(peer, end) for peer in peers)


def _matches(peer: Object, end: End) -> bool:
    if "ipBlock" in peer:
        # Pods have addresses too, in the private ranges, which the policies except.
        return bool(end.address) and _is_within(peer["ipBlock"], end.address)
    if end.address or not selects(peer.get("podSelector", {}), end.labels):
        return False
    if "namespaceSelector" not in peer:
        return not end.namespace
    labels = {"kubernetes.io/metadata.name": end.namespace} if end.namespace else {}
    return selects(peer["namespaceSelector"], labels)


def _is_within(block: Object, address: str) -> bool:
    place = ip_address(address)
    return place in ip_network(block["cidr"]) and not any(
        place in ip_network(hole) for hole in block.get("except", [])
    )
