"""The Envoy of the chart: the one configuration, and a pod that drains before it ends."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest

from gateway.settings import GatewaySettings
from imagemesh.ocr.v1 import ocr_service_pb2, ocr_service_pb2_grpc
from ocr.settings import OcrSettings
from scripts.dev_certificates import make_certificates
from scripts.render_base import ROOT, Object
from servicekit.client import open_channel
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from tests.deploy.envoys import configuration_of, listening, running, validate
from tests.deploy.objects import one, pod_of, rendered
from tests.servicekit.echo import Echo
from tests.serving import failure
from vision.settings import VisionSettings

CONFIGURATION = ROOT / "deploy" / "envoy" / "envoy.yaml"
SECRETS = ("certificate.yaml", "authority.yaml")
ADMIN = "127.0.0.1/9901"  # as bash spells it


def configured(name: str) -> dict[str, str]:
    """Return the files of Envoy of a release."""
    parts = rendered({"fullnameOverride": name})
    files: dict[str, str]
    (files,) = [part["data"] for part in parts if part["kind"] == "ConfigMap"]
    return files


@pytest.mark.parametrize("name", ["imagemesh", "photos"])
def test_only_the_names_of_services_differ_from_the_one_configuration(name: str) -> None:
    written = CONFIGURATION.read_text()
    for service in ("gateway", "colorize", "ocr", "vision"):
        written = written.replace(f"address: {service},", f"address: {name}-{service},")

    found = configured(name)

    assert found["envoy.yaml"].rstrip() == written.rstrip()
    for file in SECRETS:
        assert found[file].rstrip() == CONFIGURATION.with_name(file).read_text().rstrip()


def test_pod_waits_for_every_file_that_envoy_reads_from_its_secret() -> None:
    written = "".join(CONFIGURATION.with_name(name).read_text() for name in SECRETS)
    named = {"envoy": {"tlsSecret": "acme", "clientCaSecret": "callers"}}
    files = tls_files(rendered(named))

    assert files.keys() == set(re.findall(r"/etc/envoy/tls/([\w.]+)", written))
    assert files == {"tls.crt": "acme", "tls.key": "acme", "ca.crt": "callers"}
    assert set(tls_files(rendered()).values()) == {"imagemesh-tls"}


def tls_files(parts: list[Object]) -> dict[str, str]:
    """Return the Secret of each file that the pod of Envoy waits for."""
    volumes = pod_of(one(parts, "Deployment", "envoy"))["volumes"]
    (sources,) = [one["projected"]["sources"] for one in volumes if one["name"] == "tls"]
    secrets = [source["secret"] for source in sources]
    return {item["path"]: secret["name"] for secret in secrets for item in secret["items"]}


def test_a_change_of_the_configuration_makes_new_pods() -> None:
    tracing = {"percent": 0, "collector": "other"}
    pods = [
        one(rendered(values), "Deployment", "envoy")["spec"]["template"]["metadata"]
        for values in ({}, {"tracing": tracing})
    ]

    assert len({pod["annotations"]["checksum/config"] for pod in pods}) == 2


MESH_TLS = {"secret": "imagemesh-mesh", "issuerRef": {"name": "mesh"}}
EDGE = {"trustedHops": 2, "proxyProtocol": True, "requestsPerSecond": 50}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"tracing": {"percent": 5, "namespaceLabels": {"a": "b"}, "tls": True}},
        {"envoy": EDGE},
        {"meshTls": MESH_TLS},
    ],
    ids=["default", "traces", "edge", "mesh-tls"],
)
def test_envoy_takes_what_its_pod_gives_it(values: Object, tmp_path: Path) -> None:
    options = validate(rendered(values), tmp_path)

    assert ("tracing.random_sampling" in options) == ("tracing" in values)


def test_only_the_listeners_of_callers_have_the_options_of_the_edge() -> None:
    parts = rendered({"envoy": {**EDGE, "maxConnectionSeconds": 77}})
    resources = configuration_of(parts)["static_resources"]
    listeners = {one["name"]: one for one in resources["listeners"]}

    callers = {"public", "native"}
    for name, listener in listeners.items():
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        limits = manager.get("common_http_protocol_options", {})
        filters = [one["name"] for one in manager["http_filters"]]
        assert ("listener_filters" in listener) == (name in callers)
        assert (manager.get("xff_num_trusted_hops") == 2) == (name in callers)
        assert (limits.get("max_connection_duration") == "77s") == (name in callers)
        assert (filters[0] == "rate_limit") == (name in callers)


@pytest.fixture
async def envoy(tmp_path: Path) -> AsyncIterator[tuple[int, int]]:
    """Run Envoy and yield the ports of its admin and of its stats, which answer 200."""
    async with running(rendered(), tmp_path, "--drain-strategy", "immediate") as admin_port:
        yield admin_port, await listening(admin_port, "stats")


async def _is_draining(port: int) -> bool:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/ready") as answer,
    ):
        assert answer.status == 200
        return answer.headers.get("Connection") == "close"


async def test_the_pod_tells_envoy_to_drain_before_it_ends(envoy: tuple[int, int]) -> None:
    admin_port, port = envoy
    pod = pod_of(one(rendered(), "Deployment", "envoy"))
    shell, flag, script = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert ADMIN in script
    assert "sleep 70" in script
    script = script.replace(ADMIN, f"127.0.0.1/{admin_port}").replace("sleep 70", "true")
    assert not await _is_draining(port)

    process = await asyncio.create_subprocess_exec(
        shell, flag, script, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert process.returncode == 0
    assert output.startswith(b"HTTP/1.1 200 OK")
    assert await _is_draining(port)


def test_times_follow_from_the_time_of_a_request() -> None:
    parts = rendered({"lifecycle": {"requestTimeoutSeconds": 200}})

    (container,) = pod_of(one(parts, "Deployment", "envoy"))["containers"]
    configuration = one(parts, "ConfigMap", "envoy")["data"]["envoy.yaml"]
    assert container["args"][4:6] == ["--drain-time-s", "200"]
    assert "timeout: 230s #" in configuration
    assert "stream_idle_timeout: 260s #" in configuration


def test_limits_follow_from_replicas_settings_and_memory() -> None:
    values: Object = {
        "services": {
            "colorize": {"replicas": 5, "settings": {"MAX_CONCURRENT_RPCS": 20}},
            "ocr": {"keda": {"enabled": True, "maxReplicas": 9}},
        },
        "monitoring": {"prometheusUrl": "http://prometheus:9090"},
        "envoy": {"resources": {"limits": {"memory": "1.5G"}}},
    }
    parts = rendered(values)

    (container,) = pod_of(one(parts, "Deployment", "envoy"))["containers"]
    (layer,) = json.loads(container["args"][-1])["layered_runtime"]["layers"]
    # Of every replica, and of one more while a rollout lasts.
    assert layer["static_layer"] == {
        "circuit_breakers.colorize.default.max_requests": 6 * 20,
        "circuit_breakers.ocr.default.max_requests": 10 * OcrSettings().max_concurrent_rpcs,
        "circuit_breakers.vision.default.max_requests": 3 * VisionSettings().max_concurrent_rpcs,
        "circuit_breakers.gateway.default.max_requests": 2 * GatewaySettings().max_connections,
        "circuit_breakers.gateway.default.max_connections": 2 * GatewaySettings().max_connections,
    }
    configuration = one(parts, "ConfigMap", "envoy")["data"]["envoy.yaml"]
    assert f"max_heap_size_bytes: {1_500_000_000 * 3 // 4}\n" in configuration


def test_a_hung_model_is_loaded_anew_before_its_pod_is_killed() -> None:
    ocr = {"startupSeconds": 600, "settings": {"MAX_RUN_S": 900}}

    for values, seconds in (({}, OcrSettings().max_run_s + 300), ({"ocr": ocr}, 900 + 600)):
        (container,) = pod_of(one(rendered({"services": values}), "Deployment", "ocr"))[
            "containers"
        ]
        probe = container["livenessProbe"]
        assert seconds <= probe["periodSeconds"] * probe["failureThreshold"] < seconds + 20


async def test_certificates_are_shown_from_the_gateway_through_envoy_to_a_service(
    tmp_path: Path,
) -> None:
    make_certificates(tmp_path / "mesh-tls")
    make_certificates(tmp_path / "tls")
    echo = Echo()
    echo.loaded.set()
    settings = ServiceSettings(port=0, metrics_port=0, tls_dir=tmp_path / "mesh-tls")
    async with serving(echo.service(), settings) as port:
        here = {"port_value: 50052": f"port_value: {port}", "imagemesh-ocr": "localhost"}
        async with running(rendered({"meshTls": MESH_TLS}), tmp_path, names=here) as admin_port:
            address = f"localhost:{await listening(admin_port, 'mesh-ocr')}"
            request = ocr_service_pb2.AnalyzeTextRequest(text="four")
            async with open_channel(address, tls_dir=tmp_path / "mesh-tls") as channel:
                stub = ocr_service_pb2_grpc.OcrServiceStub(channel)
                answer = await stub.AnalyzeText(request, timeout=10, wait_for_ready=True)
            async with open_channel(address, tls_dir=tmp_path / "tls") as channel:
                stranger = ocr_service_pb2_grpc.OcrServiceStub(channel)
                code, _, _ = await failure(stranger.AnalyzeText(request, timeout=5))

    assert answer.seconds == 4
    assert code is grpc.StatusCode.UNAVAILABLE
