"""The edges that the mesh needs, between its pods and whoever is around them."""

from collections.abc import Sequence

from scripts.render_base import Object
from tests.deploy.reach import Edge, End, allowed_edges, pods_of, sided_edges

SERVICES = {"colorize": 50051, "ocr": 50052, "vision": 50053}

DNS = End(
    "dns",
    {"udp": "53/UDP", "tcp": "53/TCP", "metrics": "9153/TCP"},
    {"k8s-app": "kube-dns"},
    {"kubernetes.io/metadata.name": "kube-system"},
)
SYSTEM = End(  # another pod beside the DNS
    "system",
    {"dns": "53/UDP"},
    {"k8s-app": "other"},
    {"kubernetes.io/metadata.name": "kube-system"},
)
PROMETHEUS = End(
    "prometheus", {"web": "9090/TCP"}, {"app": "p"}, {"kubernetes.io/metadata.name": "monitoring"}
)
STORES = End(
    "stores",
    {"postgres": "5432/TCP", "redis": "6379/TCP", "ssh": "22/TCP"},
    {"app": "s"},
    {"kubernetes.io/metadata.name": "stores"},
)
STRANGER = End(
    "stranger",
    {"dns": "53/UDP", "otlp": "4317/TCP"},
    {"app": "x"},
    {"kubernetes.io/metadata.name": "x"},
)
NEIGHBOUR = End("neighbour", {"web": "443/TCP"}, {"app": "y"})  # another pod of the namespace
INTERNET = End(
    "internet",
    {"http": "80/TCP", "https": "443/TCP", "mail": "25/TCP", "dns": "53/UDP"},
    {},
    address="93.184.216.34",
)
INTERNET_IPV6 = End("internet-ipv6", {"https": "443/TCP"}, {}, address="2606:2800:220::1")
METADATA = End("metadata", {"http": "80/TCP"}, {}, address="169.254.169.254")
NODE = End("node", {"http": "80/TCP", "https": "443/TCP"}, {}, address="10.0.0.1")
NODE_IPV6 = End("node-ipv6", {"https": "443/TCP"}, {}, address="fd00::1")

OUTSIDE = (
    DNS,
    SYSTEM,
    PROMETHEUS,
    STORES,
    STRANGER,
    NEIGHBOUR,
    INTERNET,
    INTERNET_IPV6,
    METADATA,
    NODE,
    NODE_IPV6,
)

TO_THE_INTERNET: set[Edge] = {
    ("gateway", "internet", "80/TCP"),
    ("gateway", "internet", "443/TCP"),
    ("gateway", "internet-ipv6", "443/TCP"),
    ("gateway", "dns", "53/UDP"),
    ("gateway", "dns", "53/TCP"),
}
SCRAPED: set[Edge] = {
    ("prometheus", "gateway", "8080/TCP"),
    ("prometheus", "colorize", "9101/TCP"),
    ("prometheus", "ocr", "9102/TCP"),
    ("prometheus", "vision", "9103/TCP"),
}
# Callers may be anyone; so is Prometheus, which is a pod like others.
CALLERS = ("prometheus", "stores", "stranger", "neighbour", "dns", "system")
FROM_OUTSIDE = ("internet", "internet-ipv6", "metadata", "node", "node-ipv6")
PUBLIC = ("8443/TCP", "9443/TCP")
THROUGH_ENVOY: set[Edge] = {
    *((caller, "envoy", port) for caller in (*CALLERS, *FROM_OUTSIDE) for port in PUBLIC),
    ("envoy", "gateway", "8080/TCP"),
    ("envoy", "gateway", "8081/TCP"),
    ("envoy", "dns", "53/UDP"),
    ("envoy", "dns", "53/TCP"),
    *(("gateway", "envoy", f"{port}/TCP") for port in SERVICES.values()),
    *(("envoy", service, f"{port}/TCP") for service, port in SERVICES.items()),
    ("prometheus", "envoy", "9902/TCP"),
}
TO_THE_STORES: set[Edge] = {
    ("gateway", "stores", "5432/TCP"),
    ("gateway", "stores", "6379/TCP"),
}
NEEDED = TO_THE_INTERNET | SCRAPED | THROUGH_ENVOY


def edges(parts: Sequence[Object]) -> set[Edge]:
    """Return every edge that the policies of a render let pass."""
    return allowed_edges(parts, [*pods_of(parts), *OUTSIDE])


def excess(parts: Sequence[Object], needed: set[Edge]) -> set[Edge]:
    """Return what either side of an edge allows or forbids against what is needed.

    Each side alone: a hole in a policy stays a hole where the other side happens to be shut.
    """
    ours = {end.name for end in pods_of(parts)}
    let_out, let_in = sided_edges(parts, [*pods_of(parts), *OUTSIDE])
    # The public ports let everyone in, our own pods too, which are not let out to them.
    everyone = {(name, "envoy", port) for name in ours - {"envoy"} for port in PUBLIC}
    return (let_out ^ {edge for edge in needed if edge[0] in ours}) | (
        let_in ^ ({edge for edge in needed if edge[1] in ours} | everyone)
    )
