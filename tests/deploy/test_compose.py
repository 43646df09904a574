"""The compose file is valid, locked down, and sets only what the processes read."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.check_deploy import DOCKERFILE
from scripts.envoy_on_loopback import SERVICES
from scripts.render_base import ROOT
from tests.deploy.objects import one, pod_of, rendered
from tests.deploy.test_chart_envoy import envoy  # noqa: F401 - a fixture
from tests.deploy.test_environment import SETTINGS, variables_of
from tests.deploy.test_envoy import NAMES, PORTS

COMPOSE = ROOT / "deploy" / "compose.yaml"
MEMBERS = ("gateway", *SERVICES, *(f"{name}-gpu" for name in SERVICES))

Yaml = Any  # Any: a YAML document


@pytest.fixture(scope="module")
def parts() -> Yaml:
    """Return the services of the file."""
    return yaml.safe_load(COMPOSE.read_text())["services"]


def config(path: Path) -> "subprocess.CompletedProcess[str]":
    """Return what Docker Compose makes of a file."""
    if shutil.which("docker-compose") is None:
        pytest.skip("Docker Compose is not on this machine")
    command = ["docker-compose", "-f", str(path), "--profile", "*", "config", "--format", "json"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_docker_compose_takes_it(parts: Yaml) -> None:
    done = config(COMPOSE)

    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)["services"]) == set(parts)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("read_only: true", "readonly: true"),
        ("networks: [public, edge, mesh]", "networks: [public, edge, mush]"),
        ("depends_on: [gateway]", "depends_on: [gatewy]"),
        ('volumes: ["gateway:/data"]', 'volumes: ["gatewy:/data"]'),
        ("stop_grace_period: 25s", "stop_grace_period: soon"),
    ],
)
def test_docker_compose_refuses_a_planted_fault(tmp_path: Path, written: str, instead: str) -> None:
    text = COMPOSE.read_text()
    assert written in text
    path = tmp_path / "compose.yaml"
    path.write_text(text.replace(written, instead, 1))

    assert config(path).returncode != 0


def test_everything_is_locked_down(parts: Yaml) -> None:
    for part in parts.values():
        assert part["read_only"] is True
        assert part["cap_drop"] == ["ALL"]
        assert part["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in part
        assert not re.search(r"(:latest|:)$|^[^:]+$", part["image"])


def test_everything_says_how_it_is(parts: Yaml) -> None:
    assert [name for name, part in parts.items() if "healthcheck" not in part] == []


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


@pytest.mark.parametrize("name", MEMBERS)
def test_every_variable_is_a_setting(parts: Yaml, name: str) -> None:
    member = name.removesuffix("-gpu")

    assert set(parts[name]["environment"]) <= variables_of(SETTINGS[member])


def test_two_variables_switch_traces_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACES_PERCENT", "5")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel-collector:4317")

    services = json.loads(config(COMPOSE).stdout)["services"]

    for name in MEMBERS:
        told = services[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert told == "http://otel-collector:4317"
    tracing = {"percent": 5, "namespaceLabels": {"a": "b"}}
    (container,) = pod_of(one(rendered({"tracing": tracing}), "Deployment", "envoy"))["containers"]
    assert services["envoy"]["command"][-2:] == container["args"][-2:]


@pytest.mark.parametrize("name", MEMBERS)
def test_images_are_built_by_the_one_dockerfile(parts: Yaml, name: str) -> None:
    build = parts[name]["build"]
    arguments = set(re.findall(r"^ARG (\w+)", DOCKERFILE.read_text(), re.MULTILINE))

    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
    assert set(build["args"]) <= arguments
    assert build["args"]["MEMBER"] == name.removesuffix("-gpu")


@pytest.mark.parametrize("name", SERVICES)
def test_one_profile_or_the_other_answers_to_the_name(parts: Yaml, name: str) -> None:
    for part, profile in ((parts[name], "cpu"), (parts[f"{name}-gpu"], "gpu")):
        assert part["profiles"] == [profile]
        assert part["networks"] == {"mesh": {"aliases": [name]}}
        *_, address, service = part["healthcheck"]["test"]
        assert (address, service) == (f"127.0.0.1:{PORTS[name]}", NAMES[name])


@pytest.mark.parametrize("name", SERVICES)
def test_the_gateway_asks_envoy(parts: Yaml, name: str) -> None:
    environment = parts["gateway"]["environment"]

    assert environment[f"GATEWAY_{name.upper()}_ADDRESS"] == f"envoy:{PORTS[name]}"


def test_services_share_a_network_with_envoy_and_prometheus_alone(parts: Yaml) -> None:
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]
    members = {name for name, part in parts.items() if "mesh" in part["networks"]}

    assert networks["mesh"] == {"internal": True}
    services = {name for name in MEMBERS if name != "gateway"}
    assert members == {*services, "envoy", "prometheus"}


def test_only_envoy_is_reached_from_outside(parts: Yaml) -> None:
    published = {name: part["ports"] for name, part in parts.items() if "ports" in part}

    assert set(published) == {"envoy", "grafana"}
    assert all(port.startswith("127.0.0.1:") for port in published["grafana"])


def test_a_member_has_the_time_to_drain(parts: Yaml) -> None:
    for name in MEMBERS:
        drain_s = SETTINGS[name.removesuffix("-gpu")].model_fields["drain_s"].default

        assert int(parts[name]["stop_grace_period"].removesuffix("s")) > drain_s


def test_envoy_is_given_all_its_files(parts: Yaml) -> None:
    files = {f"./envoy/{path.name}" for path in (COMPOSE.parent / "envoy").iterdir()}

    mounted = dict(volume.removesuffix(":ro").split(":", 1) for volume in parts["envoy"]["volumes"])

    assert files <= set(mounted)
    assert all(mounted[one] == one.replace("./", "/etc/") for one in files)


def test_envoy_is_the_one_of_the_chart(parts: Yaml) -> None:
    (container,) = pod_of(one(rendered(), "Deployment", "envoy"))["containers"]

    assert container["image"].endswith(parts["envoy"]["image"])


def test_every_mounted_file_exists(parts: Yaml) -> None:
    mounts = [mount for part in parts.values() for mount in part.get("volumes", [])]
    files = [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]

    assert files
    assert all((COMPOSE.parent / file).exists() for file in files)


def test_what_the_page_sets_is_read() -> None:
    """By the file where it goes into .env, and by the gateway itself where into gateway.env."""
    page = (DOCKERFILE.parent / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|(.*)\|$", page, re.MULTILINE)
    profiles = {
        name: [re.findall(r"`([A-Z_]+)=?", cell) for cell in cells] for name, *cells in rows
    }
    of_gateway = variables_of(SETTINGS["gateway"])
    of_file = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))

    for profile in ("postgres", "redis", "minio", "monitoring"):
        settings, further = profiles[profile]
        assert settings
        assert set(settings) <= of_file
        assert {name for name in further if not name.startswith("AWS_")} <= of_gateway
