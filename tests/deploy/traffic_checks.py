"""Faults of who calls whom in rendered objects: policies, addresses, probes, routes, scrapes."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import yaml

from scripts.render_base import Object
from tests.deploy.objects import containers, environment, labels_of, of_kind, ports_of, selects
from tests.deploy.reference_checks import selected

RPC_SERVICES = {
    "colorize": "imagemesh.colorize.v1.ColorizeService",
    "ocr": "imagemesh.ocr.v1.OcrService",
    "vision": "imagemesh.vision.v1.VisionService",
}


def traffic_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return what does not fit between those who call and those who are called."""
    for check in (_policies, _addresses, _health, _envoy, _routes, _monitors):
        yield from check(parts)


def _policies(parts: Sequence[Object]) -> Iterator[str]:
    policies = of_kind(parts, "NetworkPolicy")
    for policy in policies:
        name, spec = policy["metadata"]["name"], policy["spec"]
        targets = selected(parts, spec.get("podSelector", {}))
        if not targets:
            yield f"NetworkPolicy {name} selects no pods"
        for kind in spec.get("policyTypes", []):
            if kind not in {"Ingress", "Egress"}:
                yield f"NetworkPolicy {name} has the type {kind}"
        yield from _closed_to(parts, policy, targets)
    for part in of_kind(parts, "Deployment"):
        types = {
            kind
            for policy in policies
            if selects(policy["spec"].get("podSelector", {}), labels_of(part))
            for kind in policy["spec"].get("policyTypes", [])
        }
        if types < {"Ingress", "Egress"}:
            yield f"no NetworkPolicy holds for all traffic of {part['metadata']['name']}"


def _closed_to(parts: Sequence[Object], policy: Object, targets: Sequence[Object]) -> Iterator[str]:
    """Peers that are nobody's, and ports that the pods have not."""
    name, spec = policy["metadata"]["name"], policy["spec"]
    for side, rules in (("from", spec.get("ingress", [])), ("to", spec.get("egress", []))):
        for rule in rules:
            peers = [peer for peer in rule.get(side, []) if "namespaceSelector" not in peer]
            selectors = [peer["podSelector"] for peer in peers if "podSelector" in peer]
            for selector in selectors:
                if not selected(parts, selector):
                    yield f"NetworkPolicy {name} names peers that are no pods"
            reached = targets
            if side == "to":
                reached = [found for peer in selectors for found in selected(parts, peer)]
            for port in rule.get("ports", []):
                for part in reached:
                    if port["port"] not in {*ports_of(part), *ports_of(part).values()}:
                        yield (
                            f"NetworkPolicy {name} names the port {port['port']}, "
                            f"which {part['metadata']['name']} has not"
                        )


def _addresses(parts: Sequence[Object]) -> Iterator[str]:
    """Where the gateway looks for the services."""
    for part in of_kind(parts, "Deployment"):
        for container in containers(part):
            for name, value in environment(container).items():
                if name.endswith("_ADDRESS") and not _is_served(parts, str(value)):
                    yield f"{name} is {value}, which no Service serves"


def _is_headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def _is_served(parts: Sequence[Object], address: str) -> bool:
    host, _, port = address.rpartition(":")
    return any(
        service["metadata"]["name"] == host
        and int(port) in {entry["port"] for entry in service["spec"]["ports"]}
        for service in of_kind(parts, "Service")
    )


def _health(parts: Sequence[Object]) -> Iterator[str]:
    """Probes ask for the service that the pods serve, by its name in the contract."""
    for part in of_kind(parts, "Deployment"):
        for container in containers(part, init=False):
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.get(kind, {}).get("grpc")
                if probe and probe.get("service") != RPC_SERVICES.get(container["name"]):
                    yield f"{container['name']}: its {kind} asks for {probe.get('service')}"


def _envoy(parts: Sequence[Object]) -> Iterator[str]:
    """The clusters of Envoy's configuration are Services, and its ports are the container's."""
    for config in of_kind(parts, "ConfigMap"):
        if "envoy.yaml" not in config["data"]:
            continue
        envoy = _parsed(config["data"]["envoy.yaml"])
        for name, host, port in cluster_addresses(envoy):
            # Where traces go is no part of the chart; Envoy runs without it.
            if name not in {"admin", "otel-collector"} and not _is_served(parts, f"{host}:{port}"):
                yield f"Envoy's cluster {name} is {host}:{port}, which no Service serves"
            headless = [service for service in of_kind(parts, "Service") if _is_headless(service)]
            if name not in {"admin", "otel-collector"} and not _is_served(
                headless, f"{host}:{port}"
            ):
                yield f"Envoy sees one address for all pods of {host}; it must be headless"
        for deployment in of_kind(parts, "Deployment"):
            if deployment["metadata"]["name"] == config["metadata"]["name"]:
                listening = {
                    listener["address"]["socket_address"]["port_value"]
                    for listener in envoy["static_resources"]["listeners"]
                }
                if listening != set(ports_of(deployment).values()):
                    yield f"Envoy listens on {sorted(listening)}; its pod says otherwise"


@cache
def _parsed(text: str) -> Any:  # Any: parsed YAML
    return yaml.load(text, yaml.CSafeLoader)


def cluster_addresses(envoy: Any) -> Iterator[tuple[str, str, int]]:  # Any: parsed YAML
    """Return the name, host and port of every endpoint in a configuration of Envoy."""
    for cluster in envoy["static_resources"]["clusters"]:
        for group in cluster["load_assignment"]["endpoints"]:
            for endpoint in group["lb_endpoints"]:
                address = endpoint["endpoint"]["address"]["socket_address"]
                yield cluster["name"], address["address"], address["port_value"]


def _routes(parts: Sequence[Object]) -> Iterator[str]:
    for route in [*of_kind(parts, "HTTPRoute"), *of_kind(parts, "GRPCRoute")]:
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                if not _is_served(parts, f"{backend['name']}:{backend['port']}"):
                    yield f"{route['kind']} sends to {backend['name']}:{backend['port']}"
            for match in rule.get("matches", []):
                if match["method"]["service"] not in RPC_SERVICES.values():
                    yield f"{route['kind']} matches {match['method']['service']}"


def _monitors(parts: Sequence[Object]) -> Iterator[str]:
    for monitor in of_kind(parts, "ServiceMonitor"):
        found = [
            service
            for service in of_kind(parts, "Service")
            if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
        ]
        names = {port["name"] for service in found for port in service["spec"]["ports"]}
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in names:
                name = monitor["metadata"]["name"]
                yield f"ServiceMonitor {name} scrapes {endpoint['port']}, which no Service has"
