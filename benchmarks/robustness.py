"""Do to our server what breaks others: python -m benchmarks.robustness [--json FILE].

A scripted model (benchmarks/scripted.py) is served by a process of its own, which is poisoned, left
by its callers, flooded, killed inside and told to stop. Each probe says what it saw and whether it
is good. The client shares the machine, so that its own delays are in the times.
"""

import argparse
import asyncio
import json
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import grpc

from benchmarks.machine import describe_machine
from benchmarks.processes import free_port, running
from benchmarks.scripted import BATCH_S, ITEM_S, NAME

BATCH = 8
CAPACITY_PER_S = BATCH / (BATCH_S + ITEM_S * BATCH)
READY_WITHIN_S = 60.0
DEADLINE_S = 20.0
OVERLOAD_REQUESTS, OVERLOAD = 600, 15  # so many, at so many times the capacity
SHED_WITHIN_S = 0.050
RECOVERED_WITHIN_S = 3.0
PACKAGES = ("grpcio", "uvloop")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request ended; `code` is "OK" or the name of a gRPC status."""

    line: str
    code: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe saw."""

    probe: str
    saw: str
    is_good: bool


class Client:
    """Sends lines to the scripted service; nothing is sent again, unlike in the mesh."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        # Any: requests and answers are bytes, which no generated type knows.
        self._do: Any = channel.unary_unary(f"/{NAME}/Do")
        self._executed: Any = channel.unary_unary(f"/{NAME}/Executed")

    async def ask(self, line: str) -> Outcome:
        """Send a line and return how it ended."""
        began_s = monotonic()
        try:
            answer = await self._do(line.encode(), timeout=DEADLINE_S, wait_for_ready=False)
            code = "OK" if answer == line.encode() else "CROSSED"
        except grpc.aio.AioRpcError as error:
            code = error.code().name
        return Outcome(line, code, monotonic() - began_s)

    async def executed(self) -> list[str]:
        """Return all lines that the model was given."""
        return bytes(await self._executed(b"")).decode().splitlines()


Probe = Callable[[Client, Process], Awaitable[Finding]]


def main() -> None:
    """Run every probe against a fresh process, print a table, write the JSON file if named."""
    parser = argparse.ArgumentParser(description="Do to our server what breaks others.")
    parser.add_argument("--json", type=Path, help="file to write the findings to")
    arguments = parser.parse_args()
    findings = asyncio.run(run_all())
    for finding in findings:
        print(f"{finding.probe:10} {'yes' if finding.is_good else 'NO':4} {finding.saw}")
    if arguments.json:
        figures = {
            **describe_machine(PACKAGES),
            "findings": [asdict(finding) for finding in findings],
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(0 if all(finding.is_good for finding in findings) else 1)


async def run_all() -> list[Finding]:
    """Return the findings of all probes."""
    probes: tuple[Probe, ...] = (poison, cancel, overload, kill, terminate)
    findings = []
    for probe in probes:
        async with serving() as (client, process):
            findings.append(await probe(client, process))
    return findings


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Client, Process]]:
    """Start the scripted service and stop it."""
    port = free_port()
    settings = {
        "SCRIPTED_PORT": str(port),
        "SCRIPTED_MAX_BATCH": str(BATCH),
        "SCRIPTED_MAX_CONCURRENT_RPCS": "256",
    }
    async with (
        running("benchmarks.scripted", settings=settings) as process,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        client = Client(channel)
        await asyncio.wait_for(_until_answered(client), READY_WITHIN_S)
        yield client, process


async def poison(client: Client, _: Process) -> Finding:
    """Send 32 at once, 4 of them poisoned: 4 fail."""
    poisoned = {f"poison {number}" for number in range(3, 32, 8)}
    lines = {f"say {number}" for number in range(28)} | poisoned
    outcomes = await asyncio.gather(*map(client.ask, sorted(lines)))
    failed = {outcome.line for outcome in outcomes if outcome.code != "OK"}
    saw = f"{len(failed)} of 32 failed, {len(failed & poisoned)} of them poisoned"
    return Finding("poison", saw, is_good=failed == poisoned)


async def cancel(client: Client, _: Process) -> Finding:
    """Cancel 32 that wait for a busy model: none runs, and the next is answered at once."""
    holding = asyncio.create_task(client.ask("hold first"))
    await _until_executed(client, "hold first")
    waiting = [asyncio.create_task(client.ask(f"say gone{number}")) for number in range(32)]
    await asyncio.sleep(0.3)  # they have arrived
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    after = asyncio.create_task(client.ask("say after"))
    held = await holding
    began_s = monotonic()
    answered = await after
    wait_s = monotonic() - began_s
    ran = [line for line in await client.executed() if "gone" in line]
    saw = f"{len(ran)} of 32 ran; the next was answered {1000 * wait_s:.0f} ms after the batch"
    is_good = not ran and (held.code, answered.code) == ("OK", "OK") and wait_s < 2 * BATCH_S
    return Finding("cancel", saw, is_good)


async def overload(client: Client, _: Process) -> Finding:
    """Send 600 at 15 times the capacity: each is answered in its deadline or refused at once."""
    pause_s = 1 / (OVERLOAD * CAPACITY_PER_S)
    began_s = monotonic()
    tasks = []
    for number in range(OVERLOAD_REQUESTS):
        await asyncio.sleep(max(0.0, began_s + number * pause_s - monotonic()))
        tasks.append(asyncio.create_task(client.ask(f"say {number}")))
    outcomes = await asyncio.gather(*tasks)
    codes = Counter(outcome.code for outcome in outcomes)
    refused_s = sorted(one.seconds for one in outcomes if one.code == "RESOURCE_EXHAUSTED")
    slowest_s = max(one.seconds for one in outcomes if one.code == "OK")
    saw = (
        f"{codes['OK']} answered, the slowest in {slowest_s:.1f} s; "
        f"{codes['RESOURCE_EXHAUSTED']} refused, half within "
        f"{1000 * refused_s[len(refused_s) // 2]:.1f} ms, all within {1000 * refused_s[-1]:.0f} ms"
    )
    is_good = codes.keys() <= {"OK", "RESOURCE_EXHAUSTED"} and refused_s[-1] <= SHED_WITHIN_S
    return Finding("overload", saw, is_good)


async def kill(client: Client, process: Process) -> Finding:
    """End the thread of the model under eight requests."""
    outcomes = await asyncio.gather(*map(client.ask, [f"say {n}" for n in range(7)] + ["die 7"]))
    died_s = monotonic()
    await _until_answered(client)
    recovered_s = monotonic() - died_s
    codes = Counter(outcome.code for outcome in outcomes)
    saw = (
        f"{codes['OK']} of 8 answered, {codes['UNAVAILABLE']} UNAVAILABLE, the slowest in "
        f"{1000 * max(one.seconds for one in outcomes):.0f} ms; serving again after "
        f"{1000 * recovered_s:.0f} ms, process {'alive' if process.returncode is None else 'gone'}"
    )
    is_good = (
        codes.keys() <= {"OK", "UNAVAILABLE"}
        and recovered_s < RECOVERED_WITHIN_S
        and process.returncode is None
    )
    return Finding("kill", saw, is_good)


async def terminate(client: Client, process: Process) -> Finding:
    """Stop the process with 12 in flight; one more comes late."""
    holding = [asyncio.create_task(client.ask("hold 0"))]
    await _until_executed(client, "hold 0")
    holding += [asyncio.create_task(client.ask(f"say {number}")) for number in range(1, 12)]
    await asyncio.sleep(0.2)  # they have arrived
    process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)  # it is draining
    late = await client.ask("say late")
    codes = Counter(outcome.code for outcome in await asyncio.gather(*holding))
    returncode = await process.wait()
    saw = f"{codes['OK']} of 12 answered, a late one {late.code}, exit {returncode}"
    is_good = (codes["OK"], late.code, returncode) == (12, "UNAVAILABLE", 0)
    return Finding("terminate", saw, is_good)


async def _until_answered(client: Client) -> None:
    while (await client.ask("say ready")).code != "OK":  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.01)


async def _until_executed(client: Client, line: str) -> None:
    while line not in await client.executed():  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    main()
