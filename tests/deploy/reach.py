"""Who may talk to whom, computed from rendered NetworkPolicies as Kubernetes defines them.

A connection passes where the policies of its source let it out and those of its target let it in;
pods that no policy of a direction selects are open in that direction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from scripts.render_base import Object
from tests.deploy.objects import labels_of, of_kind, ports_of, selects


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: pods with labels in a namespace, or an address outside.

    Attributes:
        name: what it is called in the edges.
        ports: those that could be called, such as "8080/TCP", by name.
        labels: of its pods.
        namespace: the labels of its namespace; none is the namespace of the release.
        address: of an end that is no pod.
        is_ours: whether it is a pod of the release, and not another beside it.
    """

    name: str
    ports: Mapping[str, str]
    labels: Mapping[str, str]
    namespace: Mapping[str, str] | None = None
    address: str = ""
    is_ours: bool = False


Edge = tuple[str, str, str]


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


def allowed_edges(parts: Sequence[Object], ends: Sequence[End]) -> set[Edge]:
    """Return every (source, target, port) that the policies let pass between two ends."""
    let_out, let_in = sided_edges(parts, ends)
    ours = {end.name for end in ends if end.is_ours}
    return {
        edge
        for edge in let_out | let_in
        if (edge in let_out or edge[0] not in ours) and (edge in let_in or edge[1] not in ours)
    }


def sided_edges(parts: Sequence[Object], ends: Sequence[End]) -> tuple[set[Edge], set[Edge]]:
    """Return what the policies of our sources let out, and what those of our targets let in."""
    policies = of_kind(parts, "NetworkPolicy")
    possible = [
        (source, target, name, port)
        for source in ends
        for target in ends
        if source is not target
        for name, port in target.ports.items()
    ]
    let_out = {
        (source.name, target.name, port)
        for source, target, name, port in possible
        if source.is_ours and _passes(policies, "Egress", source, target, {name: port})
    }
    let_in = {
        (source.name, target.name, port)
        for source, target, name, port in possible
        if target.is_ours and _passes(policies, "Ingress", target, source, {name: port})
    }
    return let_out, let_in


def _passes(
    policies: Sequence[Object], kind: str, held: End, other: End, port: Mapping[str, str]
) -> bool:
    """Tell whether the policies for `held` let it talk with `other`, at the target's `port`."""
    ours = [policy["spec"] for policy in policies if _holds_for(policy["spec"], kind, held)]
    return not ours or any(
        _is_peer(rule, "to" if kind == "Egress" else "from", other) and _is_port(rule, port)
        for spec in ours
        for rule in spec.get(kind.lower(), [])
    )


def _holds_for(spec: Object, kind: str, end: End) -> bool:
    return kind in spec["policyTypes"] and selects(spec["podSelector"], end.labels)


def _is_port(rule: Object, port: Mapping[str, str]) -> bool:
    ports = rule.get("ports")
    ((name, number),) = port.items()
    protocol = number.rpartition("/")[2]
    return not ports or any(
        entry.get("protocol", "TCP") == protocol
        and (entry["port"] == name or f"{entry['port']}/{protocol}" == number)
        for entry in ports
    )


def _is_peer(rule: Object, side: str, end: End) -> bool:
    peers = rule.get(side)
    return not peers or any(all(_matches(peer, end)) for peer in peers)


def _matches(peer: Object, end: End) -> Iterator[bool]:
    if "ipBlock" in peer:
        # A pod has an address too, but which one is the network's secret: the private ranges are
        # excepted, and a pod is there.
        yield bool(end.address) and _is_within(peer["ipBlock"], end.address)
        return
    yield not end.address
    if "namespaceSelector" in peer:
        yield selects(peer["namespaceSelector"], end.namespace or {})
    else:
        yield end.namespace is None
    yield selects(peer.get("podSelector", {}), end.labels)


def _is_within(block: Object, address: str) -> bool:
    place = ip_address(address)
    return place in ip_network(block["cidr"]) and not any(
        place in ip_network(hole) for hole in block.get("except", [])
    )
