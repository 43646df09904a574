"""Envoy finds replicas by their name, as in Kubernetes: each address behind it is one."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.chaos import NEW_BAR_S
from benchmarks.running_envoy import running_envoy, until_healthy
from scripts.envoy_on_loopback import new_places
from scripts.ports import free_ports
from servicekit.client import open_channel
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from tests.mesh.name_server import naming
from tests.mesh.telltale import METHOD, NAME, telltale
from vision.settings import VisionSettings

REPLICAS = ["127.0.0.77", "127.0.0.78"]  # as two pods: other addresses, the same port
CARES = "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
OTHERS = ("gateway", "authz", "colorize", "ocr")  # nobody is there


async def test_new_address_of_a_name_is_used_and_an_old_one_is_not(tmp_path: Path) -> None:
    port = VisionSettings.model_fields["port"].default
    upstreams = {name: [one] for name, one in zip(OTHERS, free_ports(4), strict=True)}
    places = new_places(tmp_path, upstreams)
    async with AsyncExitStack() as stack:
        for host in REPLICAS:
            settings = ServiceSettings(host=host, port=port, metrics_port=0, drain_s=0)
            await stack.enter_async_context(serving(telltale(host), settings))
        names, names_port = await stack.enter_async_context(naming(REPLICAS[:1]))
        options = ("--config-yaml", resolver(names_port))
        await stack.enter_async_context(running_envoy(places, tmp_path, options=options))
        channel = open_channel(places.mesh_addresses()["vision"])
        ask: Any = (await stack.enter_async_context(channel)).unary_unary(f"/{NAME}/{METHOD}")

        await until_healthy(places, {"vision": 1})
        first = await replicas(ask)
        names.addresses = REPLICAS
        async with asyncio.timeout(NEW_BAR_S):
            await until_healthy(places, {"vision": 2})
        both = await replicas(ask)
        names.addresses = REPLICAS[1:]
        async with asyncio.timeout(NEW_BAR_S):
            await until_healthy(places, {"vision": 1})
        last = await replicas(ask)

    assert (first, both, last) == ({REPLICAS[0]}, set(REPLICAS), {REPLICAS[1]})


def resolver(port: int) -> str:
    """Return what makes Envoy ask the name server on a port of this machine."""
    here = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    config = {"@type": CARES, "resolvers": [here]}
    name = "envoy.network.dns_resolver.cares"
    return json.dumps({"typed_dns_resolver_config": {"name": name, "typed_config": config}})


async def replicas(ask: Any) -> set[str]:  # Any: bytes in, bytes out
    """Return who answers when many ask at once."""
    answers = await asyncio.gather(*(ask(b"", timeout=10) for _ in range(16)))
    return {json.loads(answer)["replica"] for answer in answers}
