"""Any subset of the services can be enabled; the others leave nothing behind."""

import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from helm_python import HelmError

from gateway.endpoint_table import HANDLERS
from scripts.envoy_on_loopback import PROGRAM, SERVICES
from scripts.render_base import Object
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


def values_of(subset: tuple[str, ...]) -> Object:
    return {"services": {name: {"enabled": name in subset} for name in SERVICES}}


@pytest.mark.parametrize("subset", SUBSETS, ids="-".join)
def test_a_subset_of_services_is_whole(subset: tuple[str, ...], tmp_path: Path) -> None:
    parts = rendered(values_of(subset))
    others = set(SERVICES) - set(subset)

    names = {part["metadata"]["name"].removeprefix("imagemesh-") for part in parts}
    assert names & set(SERVICES) == set(subset)
    assert {name for edge in edges(parts) for name in edge[:2]} & set(SERVICES) == set(subset)
    (gateway,) = pod_of(one(parts, "Deployment", "gateway"))["containers"]
    variables = environment(gateway)
    addresses = {f"GATEWAY_{name.upper()}_ADDRESS" for name in subset}
    assert {name for name in variables if name.endswith("_ADDRESS")} == addresses
    off = set().union(*(ENDPOINTS[name] for name in others))
    assert set(filter(None, variables.get("GATEWAY_ENDPOINTS_OFF", "").split(","))) == off
    assert [schema_faults(parts, version) for version in (FLOOR, TOP)] == [[], []]
    check_envoy(parts, set(subset), tmp_path)


def check_envoy(parts: list[Object], subset: set[str], folder: Path) -> None:
    """Assert that Envoy accepts its configuration, which names no other service."""
    files = one(parts, "ConfigMap", "envoy")["data"]
    for name, text in files.items():
        (folder / name).write_text(text.replace("/etc/envoy", str(folder)))
    resources = yaml.safe_load(files["envoy.yaml"])["static_resources"]
    clusters = {cluster["name"] for cluster in resources["clusters"]}
    listeners = {listener["name"] for listener in resources["listeners"]}

    command = [str(PROGRAM), "--mode", "validate", "-c", str(folder / "envoy.yaml")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert clusters & set(SERVICES) == subset
    assert listeners >= {f"mesh-{name}" for name in subset}
    assert not listeners & {f"mesh-{name}" for name in set(SERVICES) - subset}


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
