"""The policies allow every connection that the mesh needs, and no other."""

from collections.abc import Sequence

import pytest

from scripts.render_base import Object
from tests.deploy.objects import kustomized, rendered
from tests.deploy.reach import Edge, End, pods_of, sided_edges

SERVICES = {"colorize": 50051, "ocr": 50052, "vision": 50053}
_WEB = {"http": "80/TCP", "https": "443/TCP"}
OUTSIDE = (
    End(
        "dns",
        {"udp": "53/UDP", "tcp": "53/TCP", "metrics": "9153/TCP"},
        {"k8s-app": "kube-dns"},
        "kube-system",
    ),
    End("system", {"dns": "53/UDP"}, {"k8s-app": "other"}, "kube-system"),
    End("prometheus", {"web": "9090/TCP"}, {"app": "p"}, "monitoring"),
    End("stores", {"sql": "5432/TCP", "redis": "6379/TCP", "ssh": "22/TCP"}, {}, "stores"),
    End("stranger", {"dns": "53/UDP", "otlp": "4317/TCP"}, {"app": "x"}, "x"),
    End("neighbour", {"web": "443/TCP"}, {"app": "y"}),  # another pod of the namespace
    End("internet", {**_WEB, "mail": "25/TCP", "dns": "53/UDP"}, {}, address="93.184.216.34"),
    End("internet-ipv6", {"https": "443/TCP"}, {}, address="2606:2800:220::1"),
    End("metadata", _WEB, {}, address="169.254.169.254"),
    End("node", _WEB, {}, address="10.0.0.1"),
    End("node-ipv6", _WEB, {}, address="fd00::1"),
)
ANYONE = [end.name for end in OUTSIDE]
PUBLIC = ("8443/TCP", "9443/TCP")

TO_THE_INTERNET: set[Edge] = {
    ("gateway", "internet", "80/TCP"),
    ("gateway", "internet", "443/TCP"),
    ("gateway", "internet-ipv6", "443/TCP"),
    ("gateway", "dns", "53/UDP"),
    ("gateway", "dns", "53/TCP"),
    ("gateway", "nats", "4222/TCP"),
}
SCRAPED: set[Edge] = {
    ("prometheus", "gateway", "8080/TCP"),
    ("prometheus", "colorize", "9101/TCP"),
    ("prometheus", "ocr", "9102/TCP"),
    ("prometheus", "vision", "9103/TCP"),
}
THROUGH_ENVOY: set[Edge] = {
    *((caller, "envoy", port) for caller in ANYONE for port in PUBLIC),
    ("envoy", "gateway", "8080/TCP"),
    ("envoy", "gateway", "8081/TCP"),
    ("envoy", "dns", "53/UDP"),
    ("envoy", "dns", "53/TCP"),
    *(("gateway", "envoy", f"{port}/TCP") for port in SERVICES.values()),
    *(("envoy", service, f"{port}/TCP") for service, port in SERVICES.items()),
    ("prometheus", "envoy", "9902/TCP"),
}
NEEDED = TO_THE_INTERNET | SCRAPED | THROUGH_ENVOY
TO_THE_STORES: set[Edge] = {
    ("gateway", "stores", "5432/TCP"),
    ("gateway", "stores", "6379/TCP"),
}


def edges(parts: Sequence[Object]) -> set[Edge]:
    """Return every edge that both sides allow."""
    ours = {end.name for end in pods_of(parts)}
    let_out, let_in = sided_edges(parts, [*pods_of(parts), *OUTSIDE])
    return {
        edge
        for edge in let_out | let_in
        if (edge in let_out or edge[0] not in ours) and (edge in let_in or edge[1] not in ours)
    }


def excess(parts: Sequence[Object], needed: set[Edge]) -> set[Edge]:
    """Return the differences of each side alone from the needed edges.

    A hole in a policy stays a hole where the other side happens to be shut.
    """
    ours = {end.name for end in pods_of(parts)}
    let_out, let_in = sided_edges(parts, [*pods_of(parts), *OUTSIDE])
    # The public ports accept everyone, our own pods too, which are not let out to them.
    everyone = {(name, "envoy", port) for name in ours - {"envoy"} for port in PUBLIC}
    return (let_out ^ {edge for edge in needed if edge[0] in ours}) | (
        let_in ^ ({edge for edge in needed if edge[1] in ours} | everyone)
    )


@pytest.mark.parametrize(
    ("folder", "needed"),
    [
        ("base", NEEDED),
        ("overlays/cpu", NEEDED),
        ("overlays/gpu", NEEDED),
        ("overlays/production", NEEDED | TO_THE_STORES),
    ],
)
def test_an_installation_allows_the_needed_edges_and_no_other(
    folder: str, needed: set[Edge]
) -> None:
    assert edges(kustomized(folder)) == needed
    assert excess(kustomized(folder), needed) == set()


def test_without_envoy_the_gateway_is_called_and_calls_the_services() -> None:
    called = {(caller, "gateway", "8080/TCP") for caller in ANYONE}
    calls = {("gateway", service, f"{port}/TCP") for service, port in SERVICES.items()}

    found = edges(rendered({"envoy": {"enabled": False}}))

    assert found == TO_THE_INTERNET | SCRAPED | called | calls


def test_a_worker_reaches_what_a_gateway_does_and_is_called_by_nobody() -> None:
    shared = {"database": {"secret": "pg"}, "results": {"url": "s3://b/r"}}
    values = {"gateway": shared, "worker": {"enabled": True}}

    found = edges(rendered(values))

    alike = {("worker", *edge[1:]) for edge in NEEDED if edge[0] == "gateway"}
    assert found - NEEDED == alike | {("prometheus", "worker", "8080/TCP")}


def test_named_callers_are_the_only_ones() -> None:
    callers = [{"kubernetes.io/metadata.name": "x"}]

    found = edges(rendered({"networkPolicy": {"callers": callers}}))

    called = {edge for edge in found if edge[1] == "envoy" and edge[2] in PUBLIC}
    assert called == {("stranger", "envoy", port) for port in PUBLIC}


def test_options_open_one_way_each() -> None:
    x = {"kubernetes.io/metadata.name": "x"}
    pull = {"mirror": "http://models.example.org", "cidr": "10.0.0.1/32", "port": 80}
    route = {"enabled": True, "parentRefs": [{"name": "edge"}], "namespaceLabels": x}
    dns = {(service, "dns", port) for service in SERVICES for port in ("53/UDP", "53/TCP")}

    pulled = edges(rendered({"models": {"source": "pull", "pull": pull}}))
    traced = edges(rendered({"tracing": {"percent": 1, "namespaceLabels": x}}))
    routed = edges(rendered({"gatewayApi": route}))
    entered = edges(
        rendered({"ingress": {"enabled": True, "hostnames": ["h"], "namespaceLabels": x}})
    )

    assert pulled - NEEDED == dns | {(service, "node", "80/TCP") for service in SERVICES}
    assert traced - NEEDED == dns | {
        (name, "stranger", "4317/TCP") for name in ("envoy", "gateway", *SERVICES)
    }
    assert routed - NEEDED == {("stranger", "gateway", "8080/TCP")}
    assert entered == routed
