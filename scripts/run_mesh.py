"""Run the whole mesh in the foreground: three services and the gateway, restarted when they die."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.accounts.keys import KeyStore
from gateway.database.engine import open_database
from gateway.problems import Problem

ROOT = Path(__file__).parents[1]
SERVICES = {"colorize": 50051, "ocr": 50052, "vision": 50053}

READY_WITHIN_S = 300.0  # a cold disk and two busy cores
RESTART_FIRST_S = 1.0
RESTART_MOST_S = 30.0
STOP_WITHIN_S = 30.0  # longer than the 20 s that each process drains


@dataclass(frozen=True, slots=True)
class Program:
    """A process that is kept running.

    Attributes:
        name: for people, and of its log.
        command: that starts it.
        environment: whole.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started.

    Attributes:
        url: where the gateway answers.
        run_dir: folder of the demo key, the logs, the database and the results.
        database_url: of the gateway's keys.
        environment: of every process.
    """

    url: str
    run_dir: Path
    database_url: str
    environment: dict[str, str]

    def programs(self) -> list[Program]:
        """Return what is kept running."""
        return [python_program(name, name, self.environment) for name in (*SERVICES, "gateway")]


def python_program(name: str, module: str, environment: Mapping[str, str]) -> Program:
    """Return `python -m MODULE` as a program."""
    return Program(name, (sys.executable, "-m", module), environment)


def make_plan(environment: dict[str, str]) -> Plan:
    """Return the plan for this environment; what the caller has set wins over the defaults."""
    port = environment.get("PORT", "8080")
    url = f"http://127.0.0.1:{port}"
    run_dir = Path(environment.get("IMAGEMESH_RUN_DIR", ROOT / ".run"))
    os.umask(0o077)  # keys, logs, database and results are for nobody else to read
    run_dir.mkdir(exist_ok=True)
    defaults = {
        "GATEWAY_PORT": port,
        "GATEWAY_PUBLIC_URL": url,
        "GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{run_dir / 'imagemesh.db'}",
        "GATEWAY_RESULTS_DIR": str(run_dir / "results"),
    }
    for name, service_port in SERVICES.items():
        own_port = environment.get(f"{name.upper()}_PORT", str(service_port))
        defaults[f"GATEWAY_{name.upper()}_ADDRESS"] = f"127.0.0.1:{own_port}"
    merged = {**defaults, **environment, "GATEWAY_PORT": port}
    return Plan(url, run_dir, merged["GATEWAY_DATABASE_URL"], merged)


async def main() -> int:
    """Run until SIGINT or SIGTERM; return 0 after a clean stop, 1 when the mesh cannot start."""
    plan = make_plan(dict(os.environ))  # noqa: TID251 - it is handed on to the processes
    key = await demo_key(plan.run_dir, plan.database_url)
    return await keep_all(
        plan.programs(), plan.run_dir, announce=lambda stop: _announce(plan, key, stop)
    )


async def demo_key(run_dir: Path, database_url: str) -> str:
    """Return the key in the file api-key, a new one where it is missing or no longer good."""
    path = run_dir / "api-key"
    engine = await open_database(database_url)
    try:
        keys = KeyStore(engine)
        key = path.read_text().strip() if path.exists() else ""
        with suppress(Problem):
            await keys.check(key)
            return key
        key = await keys.create("demo")
    finally:
        await engine.dispose()
    path.touch(mode=0o600)
    path.write_text(key + "\n")
    return key


async def keep_all(
    programs: Sequence[Program],
    run_dir: Path,
    *,
    announce: Callable[[asyncio.Event], Awaitable[int]],
) -> int:
    """Keep the programs running until SIGINT or SIGTERM and return what `announce` did.

    Args:
        programs: all that run at once; each has a log in `run_dir`.
        run_dir: folder of the logs.
        announce: called once they are started; not 0 stops them.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keepers = [asyncio.create_task(_keep_running(program, run_dir, stop)) for program in programs]
    code = await announce(stop)
    await stop.wait() if code == 0 else stop.set()
    await asyncio.gather(*keepers)
    return code


async def _keep_running(program: Program, run_dir: Path, stop: asyncio.Event) -> None:
    delay_s = RESTART_FIRST_S
    while not stop.is_set():
        started_s = asyncio.get_running_loop().time()
        code = await _run_once(program, run_dir, stop)
        if stop.is_set():
            return
        lived_s = asyncio.get_running_loop().time() - started_s
        delay_s = RESTART_FIRST_S if lived_s > RESTART_MOST_S else delay_s
        print(f"{program.name} ended with {code}; starting it again in {delay_s:.0f} s "
              f"(see {run_dir / program.name}.log)", file=sys.stderr, flush=True)  # fmt: skip
        await _wait(stop, delay_s)
        delay_s = min(2 * delay_s, RESTART_MOST_S)


async def _run_once(program: Program, run_dir: Path, stop: asyncio.Event) -> int:
    with (run_dir / f"{program.name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            env=program.environment,
            stdout=log,
            stderr=log,
            # Ctrl-C goes to the whole terminal; each process must get one SIGTERM, from here.
            start_new_session=True,
        )
    ended = asyncio.create_task(process.wait())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not ended.done():
        await _terminate(process)
    return await ended


async def _terminate(process: Process) -> None:
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
    except TimeoutError:
        process.kill()


async def _announce(plan: Plan, key: str, stop: asyncio.Event) -> int:
    """Wait until every service serves, then print the ready line; return 1 if that fails."""
    print("starting (the first start loads the models) ...", file=sys.stderr, flush=True)
    if not await is_ready(plan.url, stop):
        if stop.is_set():
            return 0
        print(
            f"not ready after {READY_WITHIN_S:.0f} s; see the logs in {plan.run_dir}",
            file=sys.stderr,
        )
        return 1
    picture = f"{plan.url}/content/examples/letter.png"
    print(f"imagemesh is ready at {plan.url} (demo key in {plan.run_dir}/api-key). Try:")
    print(
        f"curl -X POST -H 'X-API-Key: {key}' -H 'Content-Type: application/json' "
        f'-d \'{{"url": "{picture}"}}\' {plan.url}/api/v1/analyzed-ocr',
        flush=True,
    )
    return 0


async def is_ready(url: str, stop: asyncio.Event) -> bool:
    """Wait until the gateway at `url` can ask all services; return whether it can."""
    deadline_s = asyncio.get_running_loop().time() + READY_WITHIN_S
    async with aiohttp.ClientSession() as session:
        while not stop.is_set() and asyncio.get_running_loop().time() < deadline_s:
            with suppress(aiohttp.ClientError):
                async with session.get(f"{url}/readyz") as response:
                    services = (await response.json()).get("services", {})
                if services and set(services.values()) == {"SERVING"}:
                    return True
            await _wait(stop, 0.25)
    return False


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
