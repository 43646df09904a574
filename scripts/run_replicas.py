"""Run the mesh as in production, on one machine: python -m scripts.run_replicas.

The gateway and two replicas of each service stand behind the real Envoy with the configuration of
deploy/envoy; certificates are made anew at each start.
"""

import asyncio
import os
import sys

from scripts.envoy_on_loopback import SERVICES, Places, healthy_members, new_places, write_config
from scripts.ports import free_ports
from scripts.run_mesh import (
    are_free,
    demo_key,
    is_ready,
    make_plan,
    nats_ports,
    nats_program,
    supervise,
)

REPLICAS = 2
PUBLIC_PORT, NATIVE_PORT = 8443, 9443


async def main() -> int:
    """Run until SIGINT or SIGTERM; return 0 after a clean stop, 1 when the mesh cannot start."""
    environment = dict(os.environ)  # noqa: TID251 - it is handed on to the processes
    public = int(environment.get("PORT", PUBLIC_PORT))
    native = int(environment.get("NATIVE_PORT", NATIVE_PORT))
    nats = {
        name: int(environment.get(name, port)) for name, port in nats_ports(environment).items()
    }
    if not are_free({"PORT": public, "NATIVE_PORT": native, **nats}):
        return 1
    gateway, authz, *ports = free_ports(2 + REPLICAS * len(SERVICES))
    upstreams = {name: ports[at :: len(SERVICES)] for at, name in enumerate(SERVICES)}
    # The gateway's own port is any that is free; callers come through Envoy.
    own = {**environment, "PORT": str(gateway), "GATEWAY_AUTHZ_PORT": str(authz)}
    places = new_places(
        make_plan(own).run_dir,
        {**upstreams, "gateway": [gateway], "authz": [authz]},
        ports={"public": public, "native": native},
    )
    own |= {f"GATEWAY_{name.upper()}_ADDRESS": at for name, at in places.mesh_addresses().items()}
    plan = make_plan({**own, "GATEWAY_PUBLIC_URL": places.url("public")})
    key = await demo_key(plan)
    programs = {
        "envoy": write_config(places, plan.run_dir / "envoy.yaml"),
        "gateway": [sys.executable, "-m", "gateway"],
        **nats_program(plan),
        **_replicas(places),
    }

    async def serves() -> bool:
        wanted = {name: len(ports) for name, ports in places.upstreams.items()}
        found = await healthy_members(places)
        return wanted.items() <= found.items() and await is_ready(plan.url)

    return await supervise(programs, plan, serves=serves, welcome=_welcome(places, key))


def _replicas(places: Places) -> dict[str, list[str]]:
    return {
        f"{name}-{number}": [
            *("env", f"{name.upper()}_PORT={port}", f"{name.upper()}_METRICS_PORT=0"),
            *(sys.executable, "-m", name),
        ]
        for name in SERVICES
        for number, port in enumerate(places.upstreams[name], start=1)
    }


def _welcome(places: Places, key: str) -> str:
    public = places.url("public")
    return f"""\
imagemesh is ready at {public} (demo key in {places.tls.parent}/api-key)
gRPC for callers with a key or a certificate: {places.url("native")}
metrics of Envoy: {places.url("stats", scheme="http")}/stats/prometheus
certificates in {places.tls}: ca.crt, caller.crt and caller.key. Try:
curl --cacert {places.tls}/ca.crt -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \
-d '{{"url": "{public}/content/examples/letter.png"}}' {public}/api/v1/analyzed-ocr"""


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
