"""The one Envoy configuration of compose and Kubernetes, as Envoy and the services see it."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from colorize.settings import ColorizeSettings
from gateway.settings import GatewaySettings
from imagemesh.colorize.v1 import colorize_service_pb2
from imagemesh.ocr.v1 import ocr_service_pb2
from imagemesh.vision.v1 import vision_service_pb2
from ocr.settings import OcrSettings
from scripts.envoy_on_loopback import CONFIG, PROGRAM, SERVICES, read_config
from vision.settings import VisionSettings

Yaml = Any  # Any: a YAML document

PORTS = {
    "gateway": GatewaySettings.model_fields["port"].default,
    "colorize": ColorizeSettings.model_fields["port"].default,
    "ocr": OcrSettings.model_fields["port"].default,
    "vision": VisionSettings.model_fields["port"].default,
}
NAMES = {
    name: f"imagemesh.{name}.v1.{service}"
    for name, module in (
        ("colorize", colorize_service_pb2),
        ("ocr", ocr_service_pb2),
        ("vision", vision_service_pb2),
    )
    for service in module.DESCRIPTOR.services_by_name
}


def validated(text: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Return what Envoy says of a configuration, which it does not run."""
    path = folder / "envoy.yaml"
    path.write_text(text.replace("/etc/envoy", str(CONFIG.parent)))
    command = [str(PROGRAM), "--mode", "validate", "--log-level", "warning", "-c", str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_envoy_takes_it_without_a_warning(tmp_path: Path) -> None:
    done = validated(CONFIG.read_text(), tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("grpc_health_check", "grpc_healthcheck"),
        ("route: &to_ocr {cluster: ocr,", "route: &to_ocr {cluster: orc,"),
        ("healthy_panic_threshold: {value: 0}", "healthy_panic_threshold: {value: none}"),
        (r"/certificate\.yaml", "/missing.yaml"),
        ("FULL_SCAN", "FULL_SCANS"),
    ],
)
def test_envoy_refuses_a_planted_fault(tmp_path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, CONFIG.read_text(), count=1)

    assert count == 1
    assert validated(text, tmp_path).returncode != 0


def test_every_cluster_that_is_named_exists() -> None:
    """Envoy does not look where traces go before it sends some."""
    named = re.findall(r"\bcluster(?:_name)?: ([\w-]+)", CONFIG.read_text())

    clusters = {one["name"] for one in read_config()["static_resources"]["clusters"]}

    assert set(named) - {read_config()["node"]["cluster"]} == clusters


@pytest.mark.parametrize("name", SERVICES)
def test_health_is_asked_by_the_name_of_the_service(name: str) -> None:
    (check,) = cluster(name)["health_checks"]

    assert check["grpc_health_check"] == {"service_name": NAMES[name]}


@pytest.mark.parametrize("name", PORTS)
def test_processes_are_reached_at_their_own_ports(name: str) -> None:
    address = cluster(name)["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]

    assert address["address"]["socket_address"] == {"address": name, "port_value": PORTS[name]}


@pytest.mark.parametrize("name", SERVICES)
def test_replica_that_is_gone_is_left_at_once(name: str) -> None:
    """It has the fewest requests: an ejection that came late would cost all that are sent then."""
    found = cluster(name)

    assert found["common_lb_config"]["update_merge_window"] == "0s"
    assert found["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}
    assert found["outlier_detection"]["split_external_local_origin_errors"] is True
    assert found["outlier_detection"]["consecutive_local_origin_failure"] < retries(name) + 1


@pytest.mark.parametrize("name", SERVICES)
def test_rpcs_of_a_service_go_there_from_both_sides(name: str) -> None:
    mesh = routes(f"mesh-{name}")
    native = [one for one in routes("native") if NAMES[name] in one["match"]["prefix"]]

    assert [one["route"]["cluster"] for one in (*mesh, *native)] == [name, name]


def test_native_callers_reach_nothing_else() -> None:
    prefixes = {route["match"]["prefix"] for route in routes("native")}

    assert prefixes == {f"/{service}/" for service in NAMES.values()}


def cluster(name: str) -> Yaml:
    """Return a cluster by its name."""
    clusters = read_config()["static_resources"]["clusters"]
    return next(one for one in clusters if one["name"] == name)


def routes(listener: str) -> Yaml:
    """Return the routes of a listener by its name."""
    listeners = read_config()["static_resources"]["listeners"]
    found = next(one for one in listeners if one["name"] == listener)
    manager = found["filter_chains"][0]["filters"][0]["typed_config"]
    return manager["route_config"]["virtual_hosts"][0]["routes"]


def retries(name: str) -> int:
    """Return how often an RPC of a service is sent again."""
    return int(routes(f"mesh-{name}")[0]["route"]["retry_policy"]["num_retries"])
