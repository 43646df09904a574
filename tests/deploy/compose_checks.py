"""Faults of the compose file that Docker Compose takes: who is reached, and what is shown."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from scripts.envoy_on_loopback import SERVICES
from tests.deploy.envoy_routes import managers
from tests.deploy.objects import quantity
from tests.deploy.paths import ABSENT, seen

Yaml = Any  # Any: a YAML document

PARTS = {name: name.removesuffix("-gpu") for name in (*SERVICES, *(f"{s}-gpu" for s in SERVICES))}
NETWORKS = {
    **{name: {"mesh"} for name in PARTS},
    "envoy": {"public", "edge", "mesh"},
    "gateway": {"edge", "stores", "internet"},
    **{name: {"stores"} for name in ("postgres", "redis", "minio")},
    "prometheus": {"edge", "mesh", "monitoring"},
    "grafana": {"monitoring"},
}
OPEN = {"public", "internet", "monitoring"}  # all others are internal
PUBLISHED = {"envoy": {"8443", "9443"}, "grafana": {"3000"}}
# What a service of the file may say; what is not here would be looked at by no check.
KEYS = frozenset(
    {"image", "build", "entrypoint", "command", "user", "profiles", "environment", "env_file"}
    | {"networks", "ports", "volumes", "configs", "tmpfs", "healthcheck", "depends_on", "deploy"}
    | {"restart", "read_only", "cap_drop", "security_opt", "logging", "stop_grace_period"}
)
OWNED = {  # folders that images keep their state in
    "gateway": "/data", "postgres": "/var/lib/postgresql/data", "minio": "/data",
    "prometheus": "/prometheus", "grafana": "/var/lib/grafana",
}  # fmt: skip
SCRAPED = {
    "gateway": (8080, "/metrics"),
    "colorize": (9101, "/metrics"),
    "ocr": (9102, "/metrics"),
    "vision": (9103, "/metrics"),
    "envoy": (9902, "/stats/prometheus"),
}
USERS = {"postgres": "postgres", "redis": "redis", "envoy": "65532:65532"}  # others have their own

_EMPTY = re.compile(r"\$\{\w+:-\}")
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$")
_VERSION = re.compile(r".+:(v?\d[\w.-]*|RELEASE\.[\w-]+|\$\{IMAGEMESH_TAG:-[\d.]+\})")


def compose_faults(compose: Yaml, envoy: Yaml) -> list[str]:
    """Return what is wrong with a compose file, a sentence each, beside its Envoy's."""
    faults = [fault for check in (_networks, _scrapes, _grafana) for fault in check(compose)]
    for name, part in compose["services"].items():
        rules = (_keys, _hardening, _network, _image, _environment, _volumes, _health, _limits)
        faults += [f"{name}: {fault}" for rule in rules for fault in rule(name, part)]
    return [*faults, *_between(compose["services"], envoy)]


def _networks(compose: Yaml) -> Iterator[str]:
    for name, network in compose["networks"].items():
        if (network != {"internal": True}) is not (name in OPEN):
            yield f"the network {name} is {network}"


def _keys(name: str, part: Yaml) -> Iterator[str]:
    del name
    for key in sorted(set(part) - KEYS):
        yield f"no check knows {key}"


def _hardening(name: str, part: Yaml) -> Iterator[str]:
    expected = {"read_only": True, "cap_drop": ["ALL"], "restart": "unless-stopped"}
    for key, value in expected.items():
        if part.get(key) != value:
            yield f"{key} is {part.get(key)}"
    if part.get("security_opt") != ["no-new-privileges:true"]:
        yield f"security_opt is {part.get('security_opt')}"
    if part.get("user") != USERS.get(name):
        yield f"it runs as {part.get('user')}"
    if seen(part, "logging/options/max-size") == ABSENT:
        yield "its logs fill the disk"
    if not part.get("tmpfs"):
        yield "it has no /tmp"


def _network(name: str, part: Yaml) -> Iterator[str]:
    if set(part.get("networks", [])) != NETWORKS[name]:
        yield f"it is in the networks {sorted(part.get('networks', []))}"
    ports = {port.rpartition(":")[2] for port in part.get("ports", [])}
    if ports != PUBLISHED.get(name, set()):
        yield f"it publishes {sorted(ports)}"
    if name != "envoy" and any(not p.startswith("127.0.0.1:") for p in part.get("ports", [])):
        yield "everyone reaches it"


def _image(name: str, part: Yaml) -> Iterator[str]:
    if not _VERSION.fullmatch(part["image"]):
        yield f"its image is {part['image']}"
    member = PARTS.get(name, name)
    repository = part["image"].partition(":")[0].rpartition("/")[2]
    if repository != member:
        yield f"it runs the image of {repository}"


def _environment(name: str, part: Yaml) -> Iterator[str]:
    for variable, value in part.get("environment", {}).items():
        if _SECRET.search(variable) and not _EMPTY.fullmatch(str(value)):
            yield f"{variable} has a value that everyone knows"
        if variable.startswith("GF_AUTH"):
            yield f"{variable} changes who is let in"
        if re.search(r"://[^/\s:@$]+:[^/\s@$]+@", str(value)):
            yield f"{variable} holds a password"
        wanted = "cuda" if name.endswith("-gpu") else "cpu"
        if variable.endswith("_DEVICE") and value != wanted:
            yield f"{variable} is {value}"
    has_gpu = seen(part, "deploy/resources/reservations/devices") != ABSENT
    if has_gpu is not name.endswith("-gpu"):
        yield f"it has {'a' if has_gpu else 'no'} GPU"


def _volumes(name: str, part: Yaml) -> Iterator[str]:
    kept = []
    for mount in part.get("volumes", []):
        source, _, rest = re.sub(r"\$\{[^}]*\}", "./given", mount).partition(":")
        target, _, mode = rest.partition(":")
        if source.startswith(("/", "~")):
            yield f"it mounts {source} of the machine"
        if source.startswith(".") and mode != "ro":
            yield f"it could write {source}"
        if not source.startswith((".", "/")):
            kept.append(target)
    if kept != [path for owner, path in OWNED.items() if owner == name]:
        yield f"it keeps {kept}"


def _health(name: str, part: Yaml) -> Iterator[str]:
    check = part.get("healthcheck", {})
    if seen(check, "test/0") not in {"CMD", "CMD-SHELL"} or check.get("disable"):
        yield "nobody asks how it is"
        return
    if not {"interval", "timeout", "retries"} <= set(check):
        yield "its check has no end"
    if name == "gateway" and "127.0.0.1:8080/healthz" not in str(check["test"]):
        yield "its check asks for something else"


def _limits(name: str, part: Yaml) -> Iterator[str]:
    if name not in {*PARTS, "envoy", "gateway"}:
        return
    if not all("size=" in mount for mount in part.get("tmpfs", [])):
        yield "its /tmp may have all memory"
    limits = seen(part, "deploy/resources/limits")
    if limits == ABSENT or not {"memory", "pids"} <= set(limits):
        yield f"it is limited by {limits}"
    elif quantity(limits["memory"]) < quantity("1700M"):
        yield f"{limits['memory']} of memory are too few"
    for device in seen(part, "deploy/resources/reservations/devices") if "-gpu" in name else []:
        if device != {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}:
            yield f"it takes {device}"


def _scrapes(compose: Yaml) -> Iterator[str]:
    configured = yaml.safe_load(compose["configs"]["prometheus"]["content"])
    found = {
        seen(job, "dns_sd_configs/0/names/0"): (
            seen(job, "dns_sd_configs/0/port"), job.get("metrics_path", "/metrics"))
        for job in configured["scrape_configs"]
    }  # fmt: skip
    if found != SCRAPED:
        yield f"Prometheus scrapes {found}"
    targets = _targets(compose["services"]["prometheus"])
    for path in configured["rule_files"]:
        if path not in targets:
            yield f"Prometheus reads {path}, which is not there"


def _targets(part: Yaml) -> set[str]:
    mounts = {mount.split(":")[1] for mount in part.get("volumes", [])}
    return mounts | {config["target"] for config in part.get("configs", [])}


def _grafana(compose: Yaml) -> Iterator[str]:
    source = yaml.safe_load(compose["configs"]["grafana-source"]["content"])
    if seen(source, "datasources/0/url") != "http://prometheus:9090":
        yield f"Grafana asks {seen(source, 'datasources/0/url')}"
    boards = yaml.safe_load(compose["configs"]["grafana-dashboards"]["content"])
    path = seen(boards, "providers/0/options/path")
    if path not in _targets(compose["services"]["grafana"]):
        yield f"Grafana reads dashboards in {path}"


def _between(parts: Yaml, envoy: Yaml) -> Iterator[str]:
    """What the gateway and Envoy tell each other of."""
    told = parts["gateway"]["environment"]
    clusters = {one["name"]: one for one in envoy["static_resources"]["clusters"]}
    address = "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address"
    asked = seen(clusters["authz"], f"{address}/port_value")
    if (told.get("GATEWAY_AUTHZ_HOST"), told.get("GATEWAY_AUTHZ_PORT")) != ("0.0.0.0", f"{asked}"):
        yield f"Envoy asks for keys at {asked}; the gateway answers elsewhere"
    listening = {name for name, _ in managers(envoy)}
    for service in SERVICES:
        if f"mesh-{service}" not in listening:
            yield f"the gateway finds no {service} at Envoy"
    command = parts["envoy"].get("command", [])
    if "--config-path" not in command or not set(command) & _targets(parts["envoy"]):
        yield f"Envoy is started by {command}"
    if parts["envoy"].get("depends_on") != ["gateway"]:
        yield "Envoy is started before the gateway has a name"
