"""Run the mesh as in production, on one machine: python -m scripts.run_replicas.

The gateway and two replicas of each service stand behind the real Envoy with the configuration of
deploy/envoy; certificates are made anew at each start.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress

from scripts.envoy_on_loopback import (
    SERVICES,
    Places,
    healthy_members,
    new_places,
    write_config,
)
from scripts.ports import free_ports
from scripts.run_mesh import (
    READY_WITHIN_S,
    Program,
    demo_key,
    is_ready,
    keep_all,
    make_plan,
    python_program,
)

REPLICAS = 2
PUBLIC_PORT, NATIVE_PORT = 8443, 9443

_ASK_EVERY_S = 0.25


async def main() -> int:
    """Run until SIGINT or SIGTERM; return 0 after a clean stop, 1 when the mesh cannot start."""
    environment = dict(os.environ)  # noqa: TID251 - it is handed on to the processes
    gateway_port, authz_port, *ports = free_ports(2 + REPLICAS * len(SERVICES))
    upstreams = {name: ports[at :: len(SERVICES)] for at, name in enumerate(SERVICES)}
    # The gateway's own port is any that is free; callers come through Envoy.
    own = {"PORT": str(gateway_port), "GATEWAY_AUTHZ_PORT": str(authz_port)}
    run_dir = make_plan({**environment, **own}).run_dir
    places = new_places(
        run_dir,
        {**upstreams, "gateway": [gateway_port], "authz": [authz_port]},
        ports={
            "public": int(environment.get("PORT", PUBLIC_PORT)),
            "native": int(environment.get("NATIVE_PORT", NATIVE_PORT)),
        },
    )
    mesh = {f"GATEWAY_{name.upper()}_ADDRESS": at for name, at in places.mesh_addresses().items()}
    plan = make_plan({**environment, **own, **mesh, "GATEWAY_PUBLIC_URL": places.url("public")})
    key = await demo_key(run_dir, plan.database_url)
    programs = [
        Program("envoy", write_config(places, run_dir / "envoy.yaml"), environment),
        python_program("gateway", "gateway", plan.environment),
        *_replicas(places, environment),
    ]

    async def announce(stop: asyncio.Event) -> int:
        return await _announce(places, plan.url, key, stop)

    return await keep_all(programs, run_dir, announce=announce)


def _replicas(places: Places, environment: Mapping[str, str]) -> list[Program]:
    programs = []
    for name in SERVICES:
        for number, port in enumerate(places.upstreams[name], start=1):
            own = {f"{name.upper()}_PORT": str(port), f"{name.upper()}_METRICS_PORT": "0"}
            programs.append(python_program(f"{name}-{number}", name, {**environment, **own}))
    return programs


async def _announce(places: Places, gateway_url: str, key: str, stop: asyncio.Event) -> int:
    """Wait until Envoy reaches every replica, then print the addresses; return 1 if that fails."""
    sys.stderr.write("starting (six processes load their models) ...\n")
    if not (await is_ready(gateway_url, stop) and await _are_healthy(places, stop)):
        if stop.is_set():
            return 0
        sys.stderr.write(
            f"not ready after {READY_WITHIN_S:.0f} s; see the logs in {places.tls.parent}\n"
        )
        return 1
    public = places.url("public")
    print(f"imagemesh is ready at {public} (demo key in {places.tls.parent}/api-key)")
    print(f"gRPC for callers with a key or a certificate: {places.url('native')}")
    print(f"metrics of Envoy: {places.url('stats', scheme='http')}/stats/prometheus")
    print(f"certificates in {places.tls}: ca.crt, caller.crt and caller.key. Try:")
    print(
        f"curl --cacert {places.tls}/ca.crt -H 'X-API-Key: {key}' "
        f"-H 'Content-Type: application/json' "
        f'-d \'{{"url": "{public}/content/examples/letter.png"}}\' {public}/api/v1/analyzed-ocr',
        flush=True,
    )
    return 0


async def _are_healthy(places: Places, stop: asyncio.Event) -> bool:
    wanted = {name: len(ports) for name, ports in places.upstreams.items()}
    deadline_s = asyncio.get_running_loop().time() + READY_WITHIN_S
    while not stop.is_set() and asyncio.get_running_loop().time() < deadline_s:
        if wanted.items() <= (await healthy_members(places)).items():
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _ASK_EVERY_S)
    return False


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
