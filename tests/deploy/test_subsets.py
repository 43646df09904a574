"""Any subset of the services can be enabled, on any kind of GPU and with any source of TLS.

`pytest tests/deploy/test_subsets.py --renders FOLDER` takes every combination of the three, and
leaves the renders in the folder, for checkov. Else each subset has one kind and one source.
"""

from itertools import combinations, cycle, product
from pathlib import Path

import pytest
import yaml
from helm_python import HelmError

from gateway.endpoint_table import HANDLERS
from scripts.envoy_on_loopback import SERVICES
from scripts.render_base import Object
from tests.deploy.envoys import configuration_of, validate
from tests.deploy.objects import environment, of_kind, one, pod_of, rendered
from tests.deploy.test_policies import edges
from tests.deploy.test_schemas import FLOOR, TOP, schema_faults

ENDPOINTS = {
    service: {
        name
        for name, handler in HANDLERS.items()
        if all(f".{service}." in rpc for rpc in handler.rpcs)
    }
    for service in SERVICES
}
SUBSETS = [subset for size in (1, 2, 3) for subset in combinations(SERVICES, size)]
GPUS: dict[str, Object] = {
    "cpu": {},
    "nvidia": {"enabled": True, "runtimeClassName": "nvidia"},
    "mig": {"enabled": True, "resource": "nvidia.com/mig-1g.5gb"},
    "time-sliced": {"enabled": True, "resource": "nvidia.com/gpu.shared"},
}
TLS: dict[str, Object] = {
    "secret": {},
    "acme": {"tlsSecret": "acme", "clientCaSecret": "callers"},
    "cert-manager": {
        "certificate": {"issuerRef": {"name": "ca"}, "dnsNames": ["images.example.org"]}
    },
}
Combination = tuple[tuple[str, ...], str, str]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the whole product where a folder for it is named."""
    if "combination" not in metafunc.fixturenames:
        return
    whole = list(product(SUBSETS, GPUS, TLS))
    cover = list(zip(SUBSETS, cycle(GPUS), cycle(TLS), strict=False))
    chosen = whole if metafunc.config.getoption("--renders") else cover
    metafunc.parametrize("combination", chosen, ids=lambda one: "-".join([*one[0], *one[1:]]))


def values_of(subset: tuple[str, ...], *, gpu: str = "cpu", tls: str = "secret") -> Object:
    services = {name: {"enabled": name in subset, "gpu": GPUS[gpu]} for name in SERVICES}
    return {"services": services, "envoy": TLS[tls]}


def test_a_combination_is_whole(
    combination: Combination, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    subset, gpu, tls = combination
    parts = rendered(values_of(subset, gpu=gpu, tls=tls))
    others = set(SERVICES) - set(subset)

    names = {part["metadata"]["name"].removeprefix("imagemesh-") for part in parts}
    assert names & set(SERVICES) == set(subset)
    assert {name for edge in edges(parts) for name in edge[:2]} & set(SERVICES) == set(subset)
    for name in subset:
        (container,) = pod_of(one(parts, "Deployment", name))["containers"]
        resource = GPUS[gpu].get("resource", "nvidia.com/gpu")
        assert (container["resources"]["limits"].get(resource) == 1) == (gpu != "cpu")
        assert container["image"].endswith("-cuda") == (gpu != "cpu")
    (gateway,) = pod_of(one(parts, "Deployment", "gateway"))["containers"]
    variables = environment(gateway)
    addresses = {f"GATEWAY_{name.upper()}_ADDRESS" for name in subset}
    assert {name for name in variables if name.endswith("_ADDRESS")} == addresses
    off = set().union(*(ENDPOINTS[name] for name in others))
    assert set(filter(None, variables.get("GATEWAY_ENDPOINTS_OFF", "").split(","))) == off
    assert len(of_kind(parts, "Certificate")) == (tls == "cert-manager")
    assert [schema_faults(parts, version) for version in (FLOOR, TOP)] == [[], []]
    check_envoy(parts, set(subset), tmp_path)
    folder = pytestconfig.getoption("--renders")
    if folder:
        name = "-".join([*subset, gpu, tls])
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(parts))


def check_envoy(parts: list[Object], subset: set[str], folder: Path) -> None:
    """Assert that Envoy accepts its configuration, which names no other service."""
    validate(parts, folder)

    resources = configuration_of(parts)["static_resources"]
    clusters = {cluster["name"] for cluster in resources["clusters"]}
    listeners = {listener["name"] for listener in resources["listeners"]}
    assert clusters & set(SERVICES) == subset
    assert {name for name in SERVICES if f"mesh-{name}" in listeners} == subset


def test_the_setting_adds_to_the_endpoints_of_disabled_services() -> None:
    values = {**values_of(("ocr", "vision")), "gateway": {"settings": {"ENDPOINTS_OFF": "nudity"}}}

    (gateway,) = pod_of(one(rendered(values), "Deployment", "gateway"))["containers"]

    assert environment(gateway)["GATEWAY_ENDPOINTS_OFF"] == "colorize,nudity"


def test_a_mesh_without_services_is_refused() -> None:
    with pytest.raises(HelmError, match="all three are disabled"):
        rendered(values_of(()))


def test_nothing_of_a_disabled_service_is_scaled() -> None:
    values = values_of(("ocr",))
    values["services"]["colorize"]["hpa"] = {"enabled": True}

    assert of_kind(rendered(values), "HorizontalPodAutoscaler") == []
