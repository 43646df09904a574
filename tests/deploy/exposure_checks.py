"""Faults of what can be reached: ports of Services, holes of policies, routes and scrapes."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network

from gateway.settings import GatewaySettings
from scripts.render_base import Object
from tests.deploy.objects import containers, environment, of_kind, quantity, selects
from tests.deploy.paths import seen
from tests.deploy.reference_checks import selected

PUBLIC = {"public": 443, "native": 9443}
H2C = "kubernetes.io/h2c"
# What is nobody's but the cluster's or the cloud's: a picture's URL must not lead there.
OURS = ("10.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.168.0.0/16")  # fmt: skip
OURS_IPV6 = ("fc00::/7", "fe80::/10")
REQUEST_S = GatewaySettings.model_fields["request_timeout_s"].default

_SECRET = re.compile(r"PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@")
_INTERVAL = re.compile(r"[1-9]\d*(s|m)")


def exposure_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return what can be reached and should not be, or the other way round."""
    for check in (_services, _denied, _holes, _routes, _monitors, _configs, _envoy):
        yield from check(parts)


def _services(parts: Sequence[Object]) -> Iterator[str]:
    """Only Envoy has an address for callers, and gRPC between pods says that it is HTTP/2."""
    for service in of_kind(parts, "Service"):
        name, spec = service["metadata"]["name"], service["spec"]
        for port in spec["ports"]:
            target = str(port.get("targetPort", port["port"]))
            is_grpc = target == "grpc" or target.startswith("mesh-")
            if (port.get("appProtocol") == H2C) is not is_grpc:
                yield f"Service {name} says that {target} speaks {port.get('appProtocol')}"
            if spec.get("clusterIP") != "None" and PUBLIC.get(target) != port["port"]:
                yield f"Service {name} shows {target} as {port['port']} to everyone"


def _denied(parts: Sequence[Object]) -> Iterator[str]:
    """All traffic of all pods is denied by a policy without rules."""
    policies = of_kind(parts, "NetworkPolicy")
    whole = [
        policy
        for policy in policies
        if len(selected(parts, policy["spec"]["podSelector"])) == len(of_kind(parts, "Deployment"))
        and not {"ingress", "egress"} & set(policy["spec"])
    ]
    if policies and not whole:
        yield "no NetworkPolicy denies what the others do not allow"
    for policy in policies:
        if set(policy["spec"].get("policyTypes", [])) != {"Ingress", "Egress"}:
            yield f"NetworkPolicy {policy['metadata']['name']} holds for one direction alone"


def _holes(parts: Sequence[Object]) -> Iterator[str]:
    for policy in of_kind(parts, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for peer in rule.get("to", []):
                for net in _open(peer.get("ipBlock", {})):
                    yield f"{policy['metadata']['name']} lets {net} be reached"


def _open(block: Object) -> Iterator[str]:
    """Return those of OURS that a block of all addresses has no hole for."""
    holes = block.get("except", [])
    if block.get("cidr") == "0.0.0.0/0":
        shut = [IPv4Network(hole) for hole in holes]
        for net in map(IPv4Network, OURS):
            if not any(net.subnet_of(hole) for hole in shut):
                yield str(net)
    if block.get("cidr") == "::/0":
        shut_ipv6 = [IPv6Network(hole) for hole in holes]
        for net_ipv6 in map(IPv6Network, OURS_IPV6):
            if not any(net_ipv6.subnet_of(hole) for hole in shut_ipv6):
                yield str(net_ipv6)


def _routes(parts: Sequence[Object]) -> Iterator[str]:
    ports = {
        (service["metadata"]["name"], port["port"]): port
        for service in of_kind(parts, "Service")
        for port in service["spec"]["ports"]
    }
    for route in [*of_kind(parts, "HTTPRoute"), *of_kind(parts, "GRPCRoute")]:
        kind, spec = route["kind"], route["spec"]
        if not spec.get("parentRefs"):
            yield f"{kind} has no Gateway"
        wanted = "http" if kind == "HTTPRoute" else "grpc"
        for rule in spec["rules"]:
            for backend in rule.get("backendRefs", []):
                port = ports.get((backend["name"], backend["port"]), {})
                if port.get("name") != wanted:
                    yield f"{kind} sends to the port {port.get('name')} of {backend['name']}"
            if not rule.get("backendRefs"):
                yield f"{kind} sends nowhere"
            if kind == "GRPCRoute":
                types = [match["method"].get("type") for match in rule.get("matches", [])]
                if not types or set(types) != {"Exact"}:
                    yield f"GRPCRoute matches {types}"
            else:
                yield from _timeout(str(seen(rule, "timeouts/request")))


def _timeout(request: str) -> Iterator[str]:
    """A Gateway has a timeout of its own, and pictures take their time."""
    if not request.removesuffix("s").isdigit() or float(request.removesuffix("s")) <= REQUEST_S:
        yield f"HTTPRoute gives a request {request}; it may take {REQUEST_S:g} s"


def _monitors(parts: Sequence[Object]) -> Iterator[str]:
    for monitor in of_kind(parts, "ServiceMonitor"):
        name = monitor["metadata"]["name"]
        found = {
            service["metadata"]["labels"]["app.kubernetes.io/component"]
            for service in of_kind(parts, "Service")
            if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
        }
        if found != {monitor["metadata"]["labels"]["app.kubernetes.io/component"]}:
            yield f"ServiceMonitor {name} scrapes {sorted(found)}"
        for endpoint in monitor["spec"]["endpoints"]:
            if not _INTERVAL.fullmatch(str(endpoint.get("interval"))):
                yield f"ServiceMonitor {name} scrapes every {endpoint.get('interval')}"


def _configs(parts: Sequence[Object]) -> Iterator[str]:
    for config in of_kind(parts, "ConfigMap"):
        name, data = config["metadata"]["name"], config["data"]
        for key, text in data.items():
            if _SECRET.search(text):
                yield f"ConfigMap {name} shows a secret in {key}"
        labels = config["metadata"]["labels"]
        has_boards = any(key.endswith(".json") for key in data)
        if has_boards and labels.get("grafana_dashboard") != "1":
            yield f"Grafana does not find ConfigMap {name}"


def _envoy(parts: Sequence[Object]) -> Iterator[str]:
    """Envoy's limits are below its pod's, and it asks for keys where the gateway answers."""
    texts = [config["data"]["envoy.yaml"] for config in of_kind(parts, "ConfigMap")
             if "envoy.yaml" in config["data"]]  # fmt: skip
    every = [one for part in of_kind(parts, "Deployment") for one in containers(part, init=False)]
    for text in texts:
        heap = int(re.findall(r"max_heap_size_bytes: (\d+)", text)[0])
        for container in (one for one in every if one["name"] == "envoy"):
            limit = seen(container, "resources/limits/memory")
            if not 0.5 <= heap / float(quantity(limit)) <= 0.9:
                yield f"Envoy sheds load at {heap >> 20} MiB and may have {limit}"
        asked = re.findall(r"cluster_name: authz.*port_value: (\d+)", text)
        for container in (one for one in every if one["name"] == "gateway"):
            told = environment(container).get("GATEWAY_AUTHZ_PORT")
            if asked != [told]:
                yield f"Envoy asks for keys at {asked}; the gateway answers at {told}"
