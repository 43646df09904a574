"""The policies let every edge pass that the mesh needs, and no other."""

import pytest

from tests.deploy.needed_edges import (
    CALLERS,
    FROM_OUTSIDE,
    NEEDED,
    PUBLIC,
    SCRAPED,
    SERVICES,
    TO_THE_INTERNET,
    TO_THE_STORES,
    edges,
    excess,
)
from tests.deploy.objects import kustomized, one, rendered


@pytest.mark.parametrize("way", ["base", "overlays/cpu", "overlays/gpu"])
def test_an_installation_has_the_edges_that_it_needs_and_no_other(way: str) -> None:
    assert edges(kustomized(way)) == NEEDED
    assert excess(kustomized(way), NEEDED) == set()


def test_production_reaches_its_stores_besides() -> None:
    production = kustomized("overlays/production")

    assert edges(production) == NEEDED | TO_THE_STORES
    assert excess(production, NEEDED | TO_THE_STORES) == set()


def test_without_envoy_the_gateway_is_called_and_calls_the_services() -> None:
    found = edges(rendered({"envoy": {"enabled": False}}))

    called = {(caller, "gateway", "8080/TCP") for caller in (*CALLERS, *FROM_OUTSIDE)}
    calls = {("gateway", service, f"{port}/TCP") for service, port in SERVICES.items()}
    assert found == TO_THE_INTERNET | SCRAPED | called | calls


def test_named_callers_are_the_only_ones() -> None:
    callers = [{"kubernetes.io/metadata.name": "x"}]

    found = edges(rendered({"networkPolicy": {"callers": callers}}))

    called = {edge for edge in found if edge[1] == "envoy" and edge[2] in PUBLIC}
    assert called == {("stranger", "envoy", "8443/TCP"), ("stranger", "envoy", "9443/TCP")}


def test_pulled_models_open_one_address() -> None:
    pull = {"mirror": "http://models.example.org", "cidr": "10.0.0.1/32", "port": 80}

    found = edges(rendered({"models": {"source": "pull", "pull": pull}}))

    assert found - NEEDED == {
        (service, target, port)
        for service in SERVICES
        for target, port in (("node", "80/TCP"), ("dns", "53/UDP"), ("dns", "53/TCP"))
    }
    assert found >= NEEDED


def test_traces_open_the_way_to_their_collector() -> None:
    tracing = {"percent": 1, "namespaceLabels": {"kubernetes.io/metadata.name": "x"}}

    found = edges(rendered({"tracing": tracing}))

    traced = ("envoy", "gateway", *SERVICES)
    names = {(service, "dns", port) for service in SERVICES for port in ("53/UDP", "53/TCP")}
    assert found - NEEDED == names | {(name, "stranger", "4317/TCP") for name in traced}


def test_routes_open_the_way_from_their_gateway() -> None:
    route = {
        "enabled": True,
        "parentRefs": [{"name": "edge"}],
        "namespaceLabels": {"kubernetes.io/metadata.name": "x"},
    }

    found = edges(rendered({"gatewayApi": {"http": route, "grpc": route}}))

    assert found - NEEDED == {
        ("stranger", "gateway", "8080/TCP"),
        *(("stranger", service, f"{port}/TCP") for service, port in SERVICES.items()),
    }


def test_the_computation_finds_what_a_policy_forgets() -> None:
    parts = rendered()
    del one(parts, "NetworkPolicy", "ocr")["spec"]["ingress"][0]["from"]

    assert edges(parts) - NEEDED >= {("stranger", "ocr", "50052/TCP")}


def test_without_policies_everyone_reaches_everything() -> None:
    found = edges(rendered({"networkPolicy": {"enabled": False}}))

    assert ("ocr", "internet", "25/TCP") in found
    assert ("stranger", "ocr", "50052/TCP") in found
