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


def test_envoy_accepts_it_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(CONFIG.read_text().replace("/etc/envoy", str(CONFIG.parent)))
    command = [str(PROGRAM), "--mode", "validate", "--log-level", "warning", "-c", str(path)]

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_cluster_that_is_named_exists() -> None:
    """Envoy does not look where traces go before it sends some."""
    named = re.findall(r"\bcluster(?:_name)?: ([\w-]+)", CONFIG.read_text())

    clusters = {one["name"] for one in read_config()["static_resources"]["clusters"]}

    assert set(named) - {read_config()["node"]["cluster"]} == clusters


@pytest.mark.parametrize("name", PORTS)
def test_processes_are_reached_by_their_own_names_and_ports(name: str) -> None:
    found = cluster(name)
    address = found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]

    assert address["socket_address"] == {"address": name, "port_value": PORTS[name]}
    if name in NAMES:
        (check,) = found["health_checks"]
        assert check["grpc_health_check"] == {"service_name": NAMES[name]}


@pytest.mark.parametrize("name", SERVICES)
def test_replica_that_is_gone_is_left_at_once(name: str) -> None:
    """It has the fewest requests: an ejection that came late would cost all that are sent then."""
    found = cluster(name)

    assert found["common_lb_config"]["update_merge_window"] == "0s"
    assert found["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}
    assert found["outlier_detection"]["split_external_local_origin_errors"] is True
    assert found["outlier_detection"]["consecutive_local_origin_failure"] < retries(name) + 1


def test_rpcs_of_a_service_go_there_from_both_sides_and_nothing_else_does() -> None:
    native = {route["match"]["prefix"]: route["route"]["cluster"] for route in routes("native")}

    assert native == {f"/{NAMES[name]}/": name for name in SERVICES}
    for name in SERVICES:
        assert [route["route"]["cluster"] for route in routes(f"mesh-{name}")] == [name]


def test_a_request_ends_by_itself_before_envoy_ends_it() -> None:
    request_s = GatewaySettings.model_fields["request_timeout_s"].default
    (route,) = [route for route in routes("public") if route["name"] == "rest"]
    (rpc,) = routes("mesh-ocr")

    assert float(route["route"]["timeout"].removesuffix("s")) > request_s
    assert rpc["route"]["timeout"] == "0s"  # the caller's deadline decides


@pytest.mark.parametrize("listener", ["public", "native"])
def test_callers_are_not_believed_and_logs_hold_none_of_their_secrets(listener: str) -> None:
    edge = manager(listener)
    told = set(re.findall(r"%REQ\(([^)]*)\)", str(edge["access_log"])))

    assert edge["use_remote_address"] is True
    assert edge["normalize_path"] is True
    assert edge["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
    assert {"x-client-id", "x-forwarded-client-cert"} <= set(
        edge["route_config"]["request_headers_to_remove"]
    )
    assert told == {"x-request-id", ":method" if listener == "public" else ":path"}


def cluster(name: str) -> Yaml:
    """Return a cluster by its name."""
    clusters = read_config()["static_resources"]["clusters"]
    return next(one for one in clusters if one["name"] == name)


def manager(listener: str) -> Yaml:
    """Return the HTTP connection manager of a listener by its name."""
    listeners = read_config()["static_resources"]["listeners"]
    found = next(one for one in listeners if one["name"] == listener)
    return found["filter_chains"][0]["filters"][0]["typed_config"]


def routes(listener: str) -> Yaml:
    """Return the routes of a listener by its name."""
    return manager(listener)["route_config"]["virtual_hosts"][0]["routes"]


def retries(name: str) -> int:
    """Return how often an RPC of a service is sent again."""
    return int(routes(f"mesh-{name}")[0]["route"]["retry_policy"]["num_retries"])
