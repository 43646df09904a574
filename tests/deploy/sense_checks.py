"""Faults of values that are each allowed, and together make a mesh that does not work."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from scripts.render_base import Object
from tests.deploy.objects import (
    containers,
    environment,
    key_of,
    of_kind,
    pod_of,
    ports_of,
    selects,
    texts,
)
from tests.deploy.pod_checks import NATIVE
from tests.deploy.traffic_checks import RPC_SERVICES

PORTS = {"colorize": 50051, "ocr": 50052, "vision": 50053}
PROCESS = ("HOST", "LOG_LEVEL", "LOG_FORMAT", "DRAIN_S")
SERVICE = ("DEVICE", "PROFILE", "THREADS")
SCRAPED = frozenset({"metrics", "http", "stats"})
LEAST_START_S = 60  # for models to load, or a database to migrate

_FILE = re.compile(r"(?:filename|(?:path_config_source|watched_directory): \{path): (/[\w./-]+)")
_SQLITE = re.compile(r"sqlite\+aiosqlite:///(/.*)")


def sense_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return what makes no sense."""
    for part in of_kind(parts, "Deployment"):
        name = part["metadata"]["name"]
        for check in (_links, _ownership, _copies):
            yield from (f"{name}: {fault}" for fault in check(part))
        for container in containers(part, init=False):
            for rule in (_settings, _device, _folders, _patience, _deadlines, _addresses):
                yield from (f"{name}: {fault}" for fault in rule(container))
    for between in (_ports, _unserved, _scrapes, _routes, _envoy_files):
        yield from between(parts)


def _links(part: Object) -> Iterator[str]:
    if pod_of(part).get("enableServiceLinks") is not False:
        yield "the variables of service links could be taken for settings"


def _ownership(part: Object) -> Iterator[str]:
    volumes = pod_of(part).get("volumes", [])
    needs_group = any("persistentVolumeClaim" in volume or "secret" in volume for volume in volumes)
    if needs_group and "fsGroup" not in pod_of(part).get("securityContext", {}):
        yield "it has no fsGroup, so its user cannot read what it mounts"


def _copies(part: Object) -> Iterator[str]:
    files = [
        value
        for container in containers(part)
        for value in environment(container).values()
        if isinstance(value, str) and _SQLITE.fullmatch(value)
    ]
    if files and int(part["spec"].get("replicas", 2)) > 1:
        yield "its replicas would share one file of SQLite"


def _settings(container: Object) -> Iterator[str]:
    """What the default of a process is wrong for in a pod."""
    prefix = container["name"].upper()
    wanted = PROCESS if prefix == "GATEWAY" else (*PROCESS, *SERVICE)
    variables = environment(container)
    for name in wanted if prefix != "ENVOY" else ():
        if f"{prefix}_{name}" not in variables:
            yield f"{prefix}_{name} is not said"
    if prefix != "ENVOY" and variables.get(f"{prefix}_HOST") != "0.0.0.0":
        yield "it listens where nobody reaches it"


def _device(container: Object) -> Iterator[str]:
    has_gpu = bool(set(container.get("resources", {}).get("limits", {})) - NATIVE)
    for name, value in environment(container).items():
        if name.endswith("_DEVICE") and (value == "cuda") is not has_gpu:
            yield f"it computes on {value}; it has {'a' if has_gpu else 'no'} GPU"


def _folders(container: Object) -> Iterator[str]:
    """Folders that settings name are mounted, and writable where they are written."""
    mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
    for name, value in environment(container).items():
        found = _SQLITE.fullmatch(value) if isinstance(value, str) else None
        path = found[1] if found else value
        is_ours = name.startswith(("GATEWAY_", "IMAGEMESH_"))  # others may be in the image
        if not is_ours or not isinstance(path, str) or not path.startswith("/"):
            continue
        within = [mount for at, mount in mounts.items() if PurePosixPath(path).is_relative_to(at)]
        if not within:
            yield f"{name} is {value}, where nothing is mounted"
        if within and within[0].get("readOnly") and name.startswith("GATEWAY_"):
            yield f"{name} is {value}, where nothing can be written"


def _patience(container: Object) -> Iterator[str]:
    """Probes that give up too early, or ask again before they gave up."""
    lasting = {}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(kind, {})
        period_s = probe.get("periodSeconds", 10)
        lasting[kind] = period_s * probe.get("failureThreshold", 3)
        if probe.get("timeoutSeconds", 1) > period_s:
            yield f"its {kind} asks again before it gave up"
    if lasting["startupProbe"] < LEAST_START_S:
        yield f"it has {lasting['startupProbe']} s to start"
    if lasting["livenessProbe"] <= lasting["readinessProbe"]:
        yield "it is killed before it is left alone"


def _deadlines(container: Object) -> Iterator[str]:
    variables = environment(container)
    drain_s = variables.get("GATEWAY_DRAIN_S")
    timeout_s = variables.get("GATEWAY_REQUEST_TIMEOUT_S")
    if drain_s and timeout_s and float(drain_s) < float(timeout_s):
        yield f"its drain of {drain_s} s cuts off requests of {timeout_s} s"


def _addresses(container: Object) -> Iterator[str]:
    for service, port in PORTS.items():
        address = environment(container).get(f"GATEWAY_{service.upper()}_ADDRESS")
        if address and not address.endswith(f":{port}"):
            yield f"it looks for {service} at {address}"


def _ports(parts: Sequence[Object]) -> Iterator[str]:
    """A port of a Service that is called as a port of its pods is that one."""
    for service in of_kind(parts, "Service"):
        for part in of_kind(parts, "Deployment"):
            labels = part["spec"]["template"]["metadata"]["labels"]
            if not selects({"matchLabels": service["spec"].get("selector", {})}, labels):
                continue
            ours = ports_of(part)
            for port in service["spec"]["ports"]:
                target = port.get("targetPort", port["port"])
                if port["name"] in ours and target not in {port["name"], ours[port["name"]]}:
                    yield f"{service['metadata']['name']} sends {port['name']} to {target}"


def _unserved(parts: Sequence[Object]) -> Iterator[str]:
    """Every port of a pod can be called by some Service."""
    for part in of_kind(parts, "Deployment"):
        labels = part["spec"]["template"]["metadata"]["labels"]
        served = {
            port.get("targetPort", port["port"])
            for service in of_kind(parts, "Service")
            if selects({"matchLabels": service["spec"].get("selector", {})}, labels)
            for port in service["spec"]["ports"]
        }
        for name, number in ports_of(part).items():
            if not served & {name, number}:
                yield f"no Service serves the port {name} of {part['metadata']['name']}"


def _scrapes(parts: Sequence[Object]) -> Iterator[str]:
    for monitor in of_kind(parts, "ServiceMonitor"):
        for endpoint in monitor["spec"]["endpoints"]:
            path = endpoint.get("path", "/metrics")
            wanted = "/stats/prometheus" if endpoint["port"] == "stats" else "/metrics"
            if endpoint["port"] not in SCRAPED or path != wanted:
                yield f"{monitor['metadata']['name']} scrapes {path} of {endpoint['port']}"


def _routes(parts: Sequence[Object]) -> Iterator[str]:
    names = {service: name for name, service in RPC_SERVICES.items()}
    for route in of_kind(parts, "GRPCRoute"):
        for rule in route["spec"]["rules"]:
            for match in rule["matches"]:
                wanted = names.get(match["method"]["service"], "?")
                for backend in rule["backendRefs"]:
                    if not backend["name"].endswith(f"-{wanted}"):
                        yield f"{match['method']['service']} is sent to {backend['name']}"


def _envoy_files(parts: Sequence[Object]) -> Iterator[str]:
    """The files that Envoy's configuration names are in its pod."""
    configurations = {
        key_of(part)[1]: "".join(part["data"].values())
        for part in of_kind(parts, "ConfigMap")
        if "envoy.yaml" in part["data"]
    }
    for part in of_kind(parts, "Deployment"):
        text = configurations.get(part["metadata"]["name"], "")
        for container in containers(part) if text else []:
            named = [*_FILE.findall(text), *_config_path(container)]
            mounts = [PurePosixPath(mount["mountPath"]) for mount in container["volumeMounts"]]
            for path in map(PurePosixPath, named):
                if not any(path.is_relative_to(mount) for mount in mounts):
                    yield f"Envoy reads {path}, which is not in its pod"


def _config_path(container: Object) -> Iterator[str]:
    arguments = list(texts(container.get("args", [])))
    for flag, value in pairwise(arguments):
        if flag == "--config-path":
            yield value
