"""The Envoy configuration of deploy/ with addresses of this machine in the place of its names.

Compose and Kubernetes run the file as it is; on one machine the replicas of a service differ in
their ports, which no DNS name can say.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from scripts.dev_certificates import make_certificates
from scripts.ports import LOOPBACK, free_ports

CONFIG = Path(__file__).parents[1] / "deploy" / "envoy" / "envoy.yaml"
PROGRAM = Path(sys.executable).with_name("envoy")
SERVICES = ("colorize", "ocr", "vision")

_FOLDER, _TLS_FOLDER = "/etc/envoy", "/etc/envoy/tls"
_SECRETS = ("certificate.yaml", "authority.yaml")  # beside CONFIG
_HEALTHY = re.compile(
    r'^envoy_cluster_membership_healthy\{.*cluster_name="(\w+)"\} (\d+)$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Places:
    """Ports of this machine.

    Attributes:
        listeners: of Envoy, by the name of the listener, and "admin".
        upstreams: behind Envoy, by the name of the cluster, one for each replica.
        tls: folder of the certificates.
        hosts: addresses of the upstreams that are not on loopback, by their ports.
    """

    listeners: Mapping[str, int]
    upstreams: Mapping[str, Sequence[int]]
    tls: Path
    hosts: Mapping[int, str] = field(default_factory=dict)

    def mesh_addresses(self) -> dict[str, str]:
        """Return where the gateway finds each service, through Envoy."""
        return {name: f"{LOOPBACK}:{self.listeners[f'mesh-{name}']}" for name in SERVICES}

    def upstream(self, port: int) -> str:
        """Return "host:port" of an upstream."""
        return f"{self.hosts.get(port, LOOPBACK)}:{port}"

    def url(self, listener: str, *, scheme: str = "https") -> str:
        """Return the URL of a listener."""
        return f"{scheme}://{LOOPBACK}:{self.listeners[listener]}"


def new_places(
    folder: Path,
    upstreams: Mapping[str, Sequence[int]],
    *,
    hosts: Mapping[int, str] | None = None,
    ports: Mapping[str, int] | None = None,
) -> Places:
    """Return where Envoy stands before these, and make its certificates.

    Args:
        folder: of the certificates, in `tls`.
        upstreams: as in `Places`.
        hosts: as in `Places`.
        ports: of listeners; the others get ports that are free now.
    """
    listeners = read_config()["static_resources"]["listeners"]
    names = [*(listener["name"] for listener in listeners), "admin"]
    found = dict(zip(names, free_ports(len(names)), strict=True)) | dict(ports or {})
    make_certificates(folder / "tls")
    return Places(found, upstreams, folder / "tls", hosts or {})


def read_config() -> Any:  # Any: a YAML document
    """Return the configuration of deploy/."""
    return yaml.safe_load(CONFIG.read_text())


def write_config(places: Places, path: Path) -> list[str]:
    """Write the configuration for `places` to `path` and its folder; return what runs it."""
    for name in _SECRETS:
        (path.parent / name).write_text(_text(CONFIG.with_name(name), places, path.parent))
    config = yaml.safe_load(_text(CONFIG, places, path.parent))
    _move(config["admin"]["address"], places.listeners["admin"])
    resources = config["static_resources"]
    for listener in resources["listeners"]:
        _move(listener["address"], places.listeners[listener["name"]])
    upstreams = {**places.upstreams, "admin": [places.listeners["admin"]]}
    for cluster in resources["clusters"]:
        # The collector of traces stays a name: where there is none, there are no traces.
        if cluster["name"] in upstreams:
            cluster.pop("cluster_type", None)
            cluster["type"] = "STATIC"
            addresses = [places.upstream(port) for port in upstreams[cluster["name"]]]
            _replace(cluster["load_assignment"], addresses)
    path.write_text(yaml.safe_dump(config))
    # Two threads, for two cores; a base id of its own, so that several run on one machine.
    options = ["--concurrency", "2", "--use-dynamic-base-id", "--log-level", "warning"]
    return [str(PROGRAM), "-c", str(path), *options]


async def healthy_members(places: Places) -> dict[str, int]:
    """Return how many replicas of each cluster Envoy would send requests to, as it says itself."""
    url = places.url("stats", scheme="http") + "/stats/prometheus"
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            page = await response.text()
    except aiohttp.ClientError:
        return {}
    return {name: int(count) for name, count in _HEALTHY.findall(page)}


def _text(file: Path, places: Places, folder: Path) -> str:
    return file.read_text().replace(_TLS_FOLDER, str(places.tls)).replace(_FOLDER, str(folder))


def _move(address: dict[str, Any], port: int) -> None:  # Any: YAML
    address["socket_address"] = {"address": LOOPBACK, "port_value": port}


def _replace(assignment: dict[str, Any], addresses: Sequence[str]) -> None:  # Any: YAML
    endpoints = []
    for host, _, port in (address.rpartition(":") for address in addresses):
        socket_address = {"address": host, "port_value": int(port)}
        endpoints.append({"endpoint": {"address": {"socket_address": socket_address}}})
    assignment["endpoints"] = [{"lb_endpoints": endpoints}]
