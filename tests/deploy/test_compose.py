"""The compose file agrees with the chart, with the processes' settings and with its own pages."""

import asyncio
import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from scripts.envoy_on_loopback import SERVICES
from scripts.render_base import ROOT
from tests.deploy.objects import one, pod_of, rendered
from tests.deploy.test_chart_envoy import envoy  # noqa: F401 - a fixture
from tests.deploy.test_environment import SETTINGS, variables_of
from tests.deploy.test_envoy import PORTS
from tests.deploy.test_images import DOCKERFILE

COMPOSE = ROOT / "compose.yaml"
GPU = COMPOSE.with_name("compose.gpu.yaml")
MEMBERS = ("gateway", *SERVICES)
ONE_SHOTS = ("certificates", "welcome")  # end by themselves
NETWORKS = {
    "certificates": set(),
    **{name: {"mesh"} for name in SERVICES},
    **{name: {"stores"} for name in ("nats", "postgres", "redis", "minio", "welcome")},
    "envoy": {"public", "edge", "mesh"},
    "gateway": {"edge", "stores", "internet"},
    "prometheus": {"edge", "mesh", "monitoring"},
    "grafana": {"monitoring"},
}
OPEN = {"public", "internet", "monitoring"}  # all other networks are internal
SCRAPED = {
    "gateway": ("/metrics", 8080),
    "colorize": ("/metrics", 9101),
    "ocr": ("/metrics", 9102),
    "vision": ("/metrics", 9103),
    "envoy": ("/stats/prometheus", 9902),
}

Yaml = Any  # Any: a YAML document


@pytest.fixture(scope="module")
def document() -> Yaml:
    return yaml.safe_load(COMPOSE.read_text())


@pytest.fixture(scope="module")
def parts(document: Yaml) -> Yaml:
    """Return the services of the file."""
    return document["services"]


def config(*options: str) -> "subprocess.CompletedProcess[str]":
    """Return the files as Docker Compose resolves them in the root of the repository."""
    if shutil.which("docker-compose") is None:
        pytest.skip("Docker Compose is not on this machine")
    command = ["docker-compose", *options, "--profile", "*", "config", "--format", "json"]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def resolved(*options: str) -> Yaml:
    """Return the services of the files as Docker Compose resolves them."""
    done = config(*options)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["services"]


def test_docker_compose_accepts_it(parts: Yaml) -> None:
    assert set(resolved()) == set(parts)


def test_all_that_is_needed_starts_without_a_profile(parts: Yaml) -> None:
    started = {name for name, part in parts.items() if "profiles" not in part}

    assert started == {"envoy", "nats", *MEMBERS, *ONE_SHOTS}
    assert {name for name, part in parts.items() if part["restart"] == "no"} == set(ONE_SHOTS)
    assert parts["welcome"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in ("envoy", *MEMBERS)
    }
    for part in parts.values():
        assert re.match(r"localhost/imagemesh/\w+:", part["image"]) or "build" not in part


def test_every_service_is_locked_down(parts: Yaml) -> None:
    for part in parts.values():
        assert part["read_only"] is True
        assert part["cap_drop"] == ["ALL"]
        assert part["security_opt"] == ["no-new-privileges:true"]
        assert "healthcheck" in part or part["restart"] == "no"
        assert not re.search(r"(:latest|:)$|^[^:]+$", part["image"])


def test_services_reach_each_other_as_in_the_cluster(document: Yaml, parts: Yaml) -> None:
    assert {name: set(part.get("networks", ())) for name, part in parts.items()} == NETWORKS
    assert parts["certificates"]["network_mode"] == "none"
    internal = {name for name, network in document["networks"].items() if network}
    assert internal == set(document["networks"]) - OPEN
    published = {name: part["ports"] for name, part in parts.items() if "ports" in part}
    assert set(published) == {"envoy", "gateway", "grafana"}
    plain = (*published["gateway"], *published["grafana"])
    assert all(port.startswith("127.0.0.1:") for port in plain)


def test_no_secret_has_a_default(parts: Yaml) -> None:
    secrets = {
        f"{name} {variable}": str(value)
        for name, part in parts.items()
        for variable, value in part.get("environment", {}).items()
        if re.search(r"PASSWORD|SECRET|TOKEN|_KEY$", variable)
    }

    assert secrets
    assert [
        name for name, value in secrets.items() if not re.fullmatch(r"\$\{\w+:-\}", value)
    ] == []


async def test_a_real_envoy_passes_its_check(
    parts: Yaml,
    envoy: tuple[int, int],  # noqa: F811 - the fixture
) -> None:
    """It answers 426 to HTTP/1.0, which a shell would write most easily."""
    _, shell, flag, script = parts["envoy"]["healthcheck"]["test"]
    assert "/127.0.0.1/9902;" in script

    process = await asyncio.create_subprocess_exec(
        shell, flag, script.replace("9902", f"{envoy[1]}")
    )

    assert await process.wait() == 0


def test_two_variables_switch_traces_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACES_PERCENT", "5")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel-collector:4317")

    services = resolved()

    for name in MEMBERS:
        told = services[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert told == "http://otel-collector:4317"
    tracing = {"percent": 5, "namespaceLabels": {"a": "b"}}
    (container,) = pod_of(one(rendered({"tracing": tracing}), "Deployment", "envoy"))["containers"]
    shares = [
        yaml.safe_load(words[-1])["layered_runtime"]["layers"][0]["static_layer"]
        for words in (services["envoy"]["command"], container["args"])
    ]
    assert shares[0].items() <= shares[1].items()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_is_built_and_set_as_its_process_expects(parts: Yaml, name: str) -> None:
    part = parts[name]
    arguments = set(re.findall(r"^ARG (\w+)", DOCKERFILE.read_text(), re.MULTILINE))
    drain_s = SETTINGS[name].model_fields["drain_s"].default

    assert set(part["environment"]) <= variables_of(SETTINGS[name])
    assert int(part["stop_grace_period"].removesuffix("s")) > drain_s
    build = part["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
    assert set(build["args"]) <= arguments
    assert build["args"]["MEMBER"] == name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_reached_and_probed_at_its_port(parts: Yaml, name: str) -> None:
    assert parts[name]["healthcheck"]["test"][-1] == f"127.0.0.1:{PORTS[name]}"
    address = parts["gateway"]["environment"][f"GATEWAY_{name.upper()}_ADDRESS"]
    assert address == f"envoy:{PORTS[name]}"


@pytest.mark.parametrize("name", SERVICES)
def test_override_gives_each_service_a_gpu(name: str) -> None:
    on_gpu = resolved("-f", "compose.yaml", "-f", str(GPU))[name]

    on_cpu = resolved()[name]

    assert on_gpu["image"] == f"{on_cpu['image']}-cuda"
    assert on_gpu["build"]["args"]["DEVICE"] == "cuda"
    variable = f"{name.upper()}_DEVICE"
    assert (on_cpu["environment"][variable], on_gpu["environment"][variable]) == ("cpu", "cuda")
    (device,) = on_gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert on_gpu["networks"] == on_cpu["networks"]


def test_envoy_is_the_one_of_the_chart_with_all_its_files(parts: Yaml) -> None:
    (container,) = pod_of(one(rendered(), "Deployment", "envoy"))["containers"]
    files = {f"./deploy/envoy/{path.name}" for path in (ROOT / "deploy" / "envoy").iterdir()}

    mounted = dict(volume.removesuffix(":ro").split(":", 1) for volume in parts["envoy"]["volumes"])

    assert container["image"].endswith(parts["envoy"]["image"])
    assert files <= set(mounted)
    assert all(mounted[file] == file.replace("./deploy/", "/etc/") for file in files)


def test_every_mounted_file_exists(parts: Yaml) -> None:
    mounts = [mount for part in parts.values() for mount in part.get("volumes", [])]
    files = [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]

    assert files
    assert all((COMPOSE.parent / file).exists() for file in files)


def test_prometheus_scrapes_every_process(document: Yaml) -> None:
    configured = yaml.safe_load(document["configs"]["prometheus"]["content"])

    found = {}
    for job in configured["scrape_configs"]:
        (source,) = job["dns_sd_configs"]
        path = job.get("metrics_path", "/metrics")
        found.update(dict.fromkeys(source["names"], (path, source["port"])))

    assert found == SCRAPED
