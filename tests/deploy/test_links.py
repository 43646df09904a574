"""Names, ports and times in one rendered object agree with those in the others."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml

from scripts.render_base import Object
from tests.deploy.objects import (
    containers,
    environment,
    key_of,
    labels_of,
    of_kind,
    pod_of,
    ports_of,
    rendered,
    selects,
)
from tests.deploy.renders import RENDERS
from tests.deploy.test_envoy import NAMES

# Created before the install; the pages say how.
GIVEN = {
    *(("Secret", f"imagemesh-{name}") for name in ("tls", "mesh", "database", "rates", "results")),
    ("Secret", "admin"),
    ("Secret", "imagemesh-traces"),
    ("ConfigMap", "authorities"),
    ("PersistentVolumeClaim", "weights"),
}
END_S = 5  # a process needs this long to exit after its drain
NOT_OURS = {"admin", "otel-collector"}  # clusters of Envoy that are no Services of the chart

_REFERENCES = {
    "serviceAccountName": "ServiceAccount",
    "claimName": "PersistentVolumeClaim",
    "secretName": "Secret",
}


@pytest.fixture(params=RENDERS)
def parts(request: pytest.FixtureRequest) -> list[Object]:
    return rendered(RENDERS[request.param])


def served(parts: Sequence[Object], *, headless: bool = False) -> set[str]:
    """Return "host:port" of every Service, or of the headless ones alone."""
    return {
        f"{service['metadata']['name']}:{port['port']}"
        for service in of_kind(parts, "Service")
        for port in service["spec"]["ports"]
        if not headless or service["spec"].get("clusterIP") == "None"
    }


def test_addresses_of_the_gateway_are_services(parts: list[Object]) -> None:
    addresses = {
        value
        for part in of_kind(parts, "Deployment")
        for container in containers(part)
        for name, value in environment(container).items()
        if name.endswith("_ADDRESS")
    }

    assert addresses
    assert addresses <= served(parts, headless=True)


def test_clusters_of_envoy_are_headless_services(parts: list[Object]) -> None:
    """A Service with an address of its own would hide its pods from Envoy."""
    for envoy in _configurations(parts):
        addresses = {
            f"{address['address']}:{address['port_value']}"
            for cluster in envoy["static_resources"]["clusters"]
            if cluster["name"] not in NOT_OURS
            for endpoint in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
            for address in [endpoint["endpoint"]["address"]["socket_address"]]
        }
        assert addresses <= served(parts, headless=True)


def test_envoy_listens_on_the_ports_of_its_pod(parts: list[Object]) -> None:
    for envoy in _configurations(parts):
        listening = {
            listener["address"]["socket_address"]["port_value"]
            for listener in envoy["static_resources"]["listeners"]
        }
        (pod,) = [part for part in parts if key_of(part) == ("Deployment", "imagemesh-envoy")]
        assert listening == set(ports_of(pod).values())


def _configurations(parts: Sequence[Object]) -> Iterator[Any]:  # Any: parsed YAML
    for part in of_kind(parts, "ConfigMap"):
        if "envoy.yaml" in part["data"]:
            yield yaml.load(part["data"]["envoy.yaml"], yaml.CSafeLoader)


def test_a_service_selects_one_deployment_and_its_ports(parts: list[Object]) -> None:
    for service in of_kind(parts, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        (target,) = [p for p in of_kind(parts, "Deployment") if selects(selector, labels_of(p))]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports_of(target))


def test_probes_ask_for_the_name_in_the_contract(parts: list[Object]) -> None:
    for part in of_kind(parts, "Deployment"):
        for container in containers(part, init=False):
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container[kind].get("grpc")
                assert probe is None or probe["service"] == NAMES[container["name"]]


def test_routes_and_monitors_lead_to_services(parts: list[Object]) -> None:
    for ingress in of_kind(parts, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            service = rule["http"]["paths"][0]["backend"]["service"]
            assert f"{service['name']}:{service['port']['number']}" in served(parts)
    for route in of_kind(parts, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            assert {f"{one['name']}:{one['port']}" for one in rule["backendRefs"]} <= served(parts)
    for monitor in of_kind(parts, "ServiceMonitor"):
        ports = {
            port["name"]
            for service in of_kind(parts, "Service")
            if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
            for port in service["spec"]["ports"]
        }
        assert {one["port"] for one in monitor["spec"]["endpoints"]} <= ports


def test_every_object_that_is_named_exists(parts: list[Object]) -> None:
    existing = {key_of(part) for part in parts} | GIVEN

    named = {
        found for part in of_kind(parts, "Deployment") for found in references(pod_of(part), "")
    }

    assert named <= existing


def references(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Return kind and name of the objects that a pod refers to."""
    if isinstance(value, list):
        for inner in value:
            yield from references(inner, key)
    elif isinstance(value, dict):
        kind = re.match(r"(secret|configMap)(KeyRef|Ref)?$", key)
        if kind and "name" in value:
            yield kind[1][0].upper() + kind[1][1:], value["name"]
        for inner_key, inner in value.items():
            yield from references(inner, inner_key)
    elif key in _REFERENCES:
        yield _REFERENCES[key], str(value)


def test_replicas_have_one_owner_and_a_budget_that_fits(parts: list[Object]) -> None:
    deployments = {part["metadata"]["name"]: part for part in of_kind(parts, "Deployment")}
    least = {name: part["spec"].get("replicas", 0) for name, part in deployments.items()}
    for scaler in [*of_kind(parts, "HorizontalPodAutoscaler"), *of_kind(parts, "ScaledObject")]:
        target = scaler["spec"]["scaleTargetRef"]["name"]
        assert "replicas" not in deployments[target]["spec"]
        assert least[target] == 0  # no other autoscaler has been here
        least[target] = scaler["spec"].get("minReplicas", scaler["spec"].get("minReplicaCount"))

    budgets = {
        budget["metadata"]["name"]: budget["spec"]["maxUnavailable"]
        for budget in of_kind(parts, "PodDisruptionBudget")
    }

    assert set(budgets) == {name for name, replicas in least.items() if replicas > 1}
    assert all(away < least[name] for name, away in budgets.items())


def test_a_pod_has_the_time_to_drain(parts: list[Object]) -> None:
    for part in of_kind(parts, "Deployment"):
        for container in containers(part, init=False):
            drain_s = sum(
                float(value)
                for name, value in environment(container).items()
                if name.endswith("_DRAIN_S")
            )
            before_s = _slept_s(container["lifecycle"]["preStop"])
            grace_s = pod_of(part)["terminationGracePeriodSeconds"]

            assert before_s > 0
            assert before_s + drain_s + END_S <= grace_s


def _slept_s(handler: Object) -> float:
    if "sleep" in handler:
        return float(handler["sleep"]["seconds"])
    found = re.search(r"\bsleep (\d+)", handler["exec"]["command"][-1])
    return float(found[1]) if found else 0.0


def test_a_replica_on_a_gpu_or_a_volume_ends_before_the_next_starts(parts: list[Object]) -> None:
    for part in of_kind(parts, "Deployment"):
        limits = [set(one["resources"]["limits"]) for one in containers(part, init=False)]
        has_gpu = any(names > {"cpu", "memory"} for names in limits)
        keeps_files = any(
            not volume["persistentVolumeClaim"].get("readOnly")
            for volume in pod_of(part)["volumes"]
            if "persistentVolumeClaim" in volume
        )
        strategy = part["spec"]["strategy"]
        if keeps_files:
            assert strategy == {"type": "Recreate"}
        else:
            surge = 0 if has_gpu else 1
            assert strategy["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": 1 - surge}
