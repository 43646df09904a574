"""Run the whole mesh in the foreground; supervisord restarts a process that ends."""

import asyncio
import os
import shlex
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import aiohttp

from gateway.commands.welcome import demo_key as kept_demo_key
from gateway.commands.welcome import welcome
from gateway.database.engine import open_database

ROOT = Path(__file__).parents[1]
SERVICES = {"colorize": (50051, 9101), "ocr": (50052, 9102), "vision": (50053, 9103)}

NATS_PORT = 4222

READY_WITHIN_S = 300  # a cold disk and two busy cores
_CONFIG = """\
[supervisord]
logfile=%(here)s/supervisord.log
logfile_maxbytes=10MB
logfile_backups=3
pidfile=%(here)s/supervisord.pid
loglevel=error
"""
_NATS = "nats"  # a group of its own, stopped last: the gateway gives its jobs back to it

# A process that ends within 10 s is restarted after 1 s, 2 s, 3 s and so on; each drains for 20 s.
_PROGRAM = """
[program:{name}]
command={command}
stdout_logfile=%(here)s/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
redirect_stderr=true
autorestart=true
startsecs=10
startretries=1000
stopwaitsecs=30
priority={priority}
"""


class Plan(NamedTuple):
    """URL of the gateway, folder of key, logs and database, and variables of all processes."""

    url: str
    run_dir: Path
    environment: dict[str, str]


def make_plan(environment: Mapping[str, str]) -> Plan:
    """Return the plan for this environment; its variables win over the defaults."""
    port = environment.get("PORT", "8080")
    url = f"http://127.0.0.1:{port}"
    run_dir = Path(environment.get("IMAGEMESH_RUN_DIR", ROOT / ".run")).absolute()
    os.umask(0o077)  # keys, logs, database and results are for nobody else to read
    run_dir.mkdir(exist_ok=True)
    defaults = {
        "GATEWAY_PUBLIC_URL": url,
        "GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{run_dir / 'imagemesh.db'}",
        "GATEWAY_RESULTS_DIR": str(run_dir / "results"),
    }
    nats_port = environment.get("NATS_PORT", str(NATS_PORT))
    defaults["GATEWAY_NATS_URL"] = environment.get("NATS_URL", f"nats://127.0.0.1:{nats_port}")
    for name, (service_port, _) in SERVICES.items():
        own_port = environment.get(f"{name.upper()}_PORT", str(service_port))
        defaults[f"GATEWAY_{name.upper()}_ADDRESS"] = f"127.0.0.1:{own_port}"
    return Plan(url, run_dir, {**defaults, **environment, "GATEWAY_PORT": port})


async def main() -> int:
    """Run until SIGINT or SIGTERM; return 0 after a clean stop, 1 when the mesh cannot start."""
    environment = dict(os.environ)  # noqa: TID251 - it is handed on to the processes
    ports = {"PORT": 8080, **nats_ports(environment)}
    for name, (port, metrics_port) in SERVICES.items():
        ports |= {f"{name.upper()}_PORT": port, f"{name.upper()}_METRICS_PORT": metrics_port}
    if not are_free({name: int(environment.get(name, port)) for name, port in ports.items()}):
        return 1
    plan = make_plan(environment)
    greeting = welcome(plan.url, await demo_key(plan), key_file=plan.run_dir / "api-key")
    programs = {name: [sys.executable, "-m", name] for name in (*SERVICES, "gateway")}
    programs |= nats_program(plan)
    return await supervise(programs, plan, serves=lambda: is_ready(plan.url), welcome=greeting)


def nats_ports(environment: Mapping[str, str]) -> dict[str, int]:
    """Return the port of the NATS server that is started, none where NATS_URL names another."""
    return {} if "NATS_URL" in environment else {"NATS_PORT": NATS_PORT}


def nats_program(plan: Plan) -> dict[str, list[str]]:
    """Return the command of the NATS server that is started."""
    if not nats_ports(plan.environment):
        return {}
    server = str(Path(sys.executable).with_name("nats-server"))
    port = plan.environment["GATEWAY_NATS_URL"].rpartition(":")[2]
    where = ["--addr", "127.0.0.1", "--port", port]
    return {_NATS: [server, *where, "--jetstream", "--store_dir", str(plan.run_dir / "nats")]}


def are_free(ports: Mapping[str, int]) -> bool:
    """Tell whether all ports, by the variables that set them, are free; report one that is not."""
    for name, port in ports.items():
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            print(f"port {port} is taken; set {name} to another one", file=sys.stderr)
            return False
    return True


async def demo_key(plan: Plan) -> str:
    """Return the key in the file api-key, a new one where it is missing or no longer good."""
    engine = await open_database(plan.environment["GATEWAY_DATABASE_URL"])
    try:
        return await kept_demo_key(engine, plan.run_dir / "api-key")
    finally:
        await engine.dispose()


async def is_ready(url: str) -> bool:
    """Tell whether the gateway at `url` answers and all its services serve."""
    with suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as response:
            services = (await response.json()).get("services", {})
        return bool(services) and set(services.values()) == {"SERVING"}
    return False


async def supervise(
    programs: Mapping[str, Sequence[str]],
    plan: Plan,
    *,
    serves: Callable[[], Awaitable[bool]],
    welcome: str,
) -> int:
    """Keep programs running until SIGINT or SIGTERM; return 1 where they do not come to serve.

    Args:
        programs: commands by name; each has a log in the plan's folder.
        plan: of the mesh.
        serves: whether all programs serve; `welcome` is then printed.
        welcome: printed text.
    """
    print("starting (the first start loads the models) ...", file=sys.stderr, flush=True)
    config = plan.run_dir / "supervisord.conf"
    config.write_text(supervisor_config(programs))
    command = ("-m", "supervisor.supervisord", "--nodaemon", "-c", str(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=plan.environment, stdout=sys.stderr
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _terminate, process)
    ended = asyncio.create_task(process.wait())
    ready = asyncio.create_task(_until(serves))
    done, _ = await asyncio.wait(
        {ended, ready}, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
    )
    if ready in done:
        print(welcome, flush=True)
    elif not done:
        print(
            f"not ready after {READY_WITHIN_S} s; see the logs in {plan.run_dir}", file=sys.stderr
        )
        _terminate(process)
    ready.cancel()
    code = await ended
    return code if done else 1


def _terminate(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    while not await holds():  # noqa: ASYNC110 - other processes set no event of this one
        await asyncio.sleep(0.25)


def supervisor_config(programs: Mapping[str, Sequence[str]]) -> str:
    """Return the configuration of supervisord for these commands by name."""
    user = "user=root\n" if os.geteuid() == 0 else ""  # else it warns that it is root
    ours = [name for name in programs if name != _NATS]
    group = f"\n[group:mesh]\nprograms={','.join(ours)}\n"  # which is stopped all at once
    parts = (
        _PROGRAM.format(
            name=name,
            command=shlex.join(command).replace("%", "%%"),
            priority=1 if name == _NATS else 999,
        )
        for name, command in programs.items()
    )
    return "".join([_CONFIG, user, group, *parts])


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
