"""Probes: faults that break servers, their figures, and whether these are good."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeAlias

from benchmarks.processes import Tree
from benchmarks.serving.load import Caller, End, Outcome
from benchmarks.serving.model import BATCH, BATCH_S, ITEM_S, RUN_LIMIT_S

CAPACITY_PER_S = BATCH / (BATCH_S + ITEM_S * BATCH)
DEADLINE_S, CRASH_DEADLINE_S, LIMIT_S = 20.0, 5.0, 60.0
RECOVERS_WITHIN_S, EXITS_WITHIN_S = 15.0, 30.0
OVERLOAD_REQUESTS, OVERLOAD = 600, 15  # so many, at so many times the capacity

Figures: TypeAlias = Mapping[str, Any]  # Any: counts, times and names, as the JSON file has them


@dataclass(frozen=True, slots=True)
class Subject:
    """A server with the scripted model, which writes its requests to the file `executed`."""

    caller: Caller
    tree: Tree
    executed: Path

    @property
    def is_alive(self) -> bool:
        """Whether the process that was started still runs."""
        return self.tree.process.returncode is None

    async def ask(self, line: str, *, limit_s: float = DEADLINE_S) -> Outcome:
        """Send a line; its answer is the line."""
        return await self.caller.ask(line.encode(), expected=line.encode(), limit_s=limit_s)

    async def ask_all(self, lines: Iterable[str], *, limit_s: float = DEADLINE_S) -> list[Outcome]:
        """Send many lines at once."""
        return await asyncio.gather(*(self.ask(line, limit_s=limit_s) for line in lines))

    def lines(self) -> list[str]:
        """Return all requests that the model got."""
        return self.executed.read_text().splitlines() if self.executed.exists() else []

    async def hold(self, line: str) -> asyncio.Task[Outcome]:
        """Keep the model busy for a second."""
        task = asyncio.create_task(self.ask(line))
        while line not in self.lines():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)
        return task


Probe = Callable[[Subject], Awaitable[Figures]]


async def poison(subject: Subject) -> Figures:
    """Send 32 at once, every eighth of them poisoned: one in each full batch."""
    poisoned = [f"poison {number}" for number in range(4)]
    lines = [poisoned[number // 8] if number % 8 == 3 else f"say {number}" for number in range(32)]  # noqa: PLR2004
    outcomes = dict(zip(lines, await subject.ask_all(lines), strict=True))
    failed = {line for line, one in outcomes.items() if one.how != End.ANSWERED}
    return {
        "neighbors_failed": len(failed - set(poisoned)),
        "poisoned_answered": len(set(poisoned) - failed),
    }


async def cancel(subject: Subject) -> Figures:
    """Cancel 32 that wait for a busy model, and send one more."""
    holding = await subject.hold("hold first")
    waiting = [asyncio.create_task(subject.ask(f"say gone{number}")) for number in range(32)]
    await asyncio.sleep(0.3)  # they have arrived
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    after = asyncio.create_task(subject.ask("say after"))
    await holding
    began_s = monotonic()
    await after
    next_ms = round(1000 * (monotonic() - began_s))
    return {"ran": sum("gone" in line for line in subject.lines()), "next_ms": next_ms}


async def overload(subject: Subject) -> Figures:
    """Send 600 at 15 times the capacity, each with a deadline of 20 s."""
    began_s = monotonic()
    tasks = []
    for number in range(OVERLOAD_REQUESTS):
        await asyncio.sleep(began_s + number / (OVERLOAD * CAPACITY_PER_S) - monotonic())
        tasks.append(asyncio.create_task(subject.ask(f"say {number}")))
    outcomes = await asyncio.gather(*tasks)
    refused_ms = [round(1000 * one.seconds) for one in outcomes if one.how == End.REFUSED]
    answered_s = [one.seconds for one in outcomes if one.how == End.ANSWERED]
    return {
        **_counts(outcomes),
        "answered_within_s": round(max(answered_s, default=0.0), 2),
        "refused_within_ms": max(refused_ms, default=0),
    }


async def terminate(subject: Subject) -> Figures:
    """Stop the server with 12 in flight; one more comes late."""
    holding = [await subject.hold("hold 0")]
    holding += [asyncio.create_task(subject.ask(f"say {number}")) for number in range(1, 12)]
    await asyncio.sleep(0.2)  # they have arrived
    subject.tree.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)  # it is draining
    late = await subject.ask("say late")
    outcomes = await asyncio.gather(*holding)
    try:
        code = await asyncio.wait_for(subject.tree.process.wait(), EXITS_WITHIN_S)
    except TimeoutError:
        code = None
    answered = sum(one.how == End.ANSWERED for one in outcomes)
    return {"answered": answered, "late": f"{late.how} {late.status}".strip(), "exit": code}


async def die(subject: Subject) -> Figures:
    """Let the model end its thread or process, by SystemExit, under eight requests."""
    return await _after_death(subject, "die")


async def crash(subject: Subject) -> Figures:
    """Let the model end its process at once, under eight requests."""
    return await _after_death(subject, "crash")


async def hang(subject: Subject) -> Figures:
    """Let the model take a minute, under eight requests."""
    return await _after_death(subject, "hang")


STARTS: tuple[tuple[Probe, ...], ...] = (
    (poison, cancel, overload, terminate),
    (die,),
    (crash,),
    (hang,),
)
"""Probes by the server that they share; the last one of each may end it."""


async def _after_death(subject: Subject, word: str) -> Figures:
    # Behind a busy model all eight are one batch, where requests are joined.
    holding = await subject.hold("hold before")
    lines = [*(f"say {number}" for number in range(7)), f"{word} 7"]
    asking = asyncio.create_task(subject.ask_all(lines, limit_s=CRASH_DEADLINE_S))
    await holding
    began_s = monotonic()
    outcomes = await asking
    died_s = monotonic()
    serves = False
    while not serves and subject.is_alive and monotonic() < died_s + RECOVERS_WITHIN_S:
        again = b"say again"
        serves = await subject.caller.until_answered(again, expected=again, limit_s=1.0)
    return {
        **_counts(outcomes),
        "within_s": round(died_s - began_s, 2),
        "recovered_s": round(monotonic() - died_s, 2) if serves else None,
        "alive": subject.is_alive,
    }


def _counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return the number of each end, refusals with their status."""
    ends = (f"{one.how} {one.status}" if one.how == End.REFUSED else one.how for one in outcomes)
    return dict(Counter(str(end) for end in ends).most_common())


REFUSED_WITHIN_MS = 50
AT_ONCE_S = 1.0
NEXT_WITHIN_MS = 2000 * (BATCH_S + ITEM_S)  # two batches of one
RECOVERED_WITHIN_S = 3.0


def is_refused(figures: Figures, *, within_s: float, is_back: bool) -> bool:
    """Return whether all requests of a lost batch were refused in time, and the model came back."""
    ends = figures.keys() & {"refused UNAVAILABLE", *End}
    if ends - {"answered"} != {"refused UNAVAILABLE"} or figures["within_s"] > within_s:
        return False
    recovered_s = figures["recovered_s"]
    came_back = recovered_s is not None and recovered_s <= RECOVERED_WITHIN_S
    return not is_back or (figures["alive"] and came_back)


# The crash ends the service, which its supervisor starts again; here nobody does.
GOOD: Final[dict[str, Callable[[Figures], bool]]] = {
    "poison": lambda found: found == {"neighbors_failed": 0, "poisoned_answered": 0},
    "cancel": lambda found: found["ran"] == 0 and found["next_ms"] < NEXT_WITHIN_MS,
    "overload": lambda found: (
        not found.keys() & {*End, "refused UNAVAILABLE"} - {"answered"}
        and found["refused_within_ms"] <= REFUSED_WITHIN_MS
    ),
    "terminate": lambda found: found == {"answered": 12, "late": "refused UNAVAILABLE", "exit": 0},
    "die": lambda found: is_refused(found, within_s=AT_ONCE_S, is_back=True),
    "crash": lambda found: is_refused(found, within_s=AT_ONCE_S, is_back=False),
    "hang": lambda found: is_refused(found, within_s=RUN_LIMIT_S + AT_ONCE_S, is_back=True),
}
"""Judgment of each probe's figures for our server."""


async def wait_for_answers(
    caller: Caller, *, share: float, seconds: float
) -> tuple[float, float, Figures]:
    """Send requests at random times, at a share of the model's capacity.

    Returns:
        The waits' p50 and p99 in ms, and counts of the ends.
    """
    chance = random.Random(1)  # noqa: S311 - arrivals, the same for every server
    began_s = monotonic()
    next_s = began_s
    tasks: list[asyncio.Task[Outcome]] = []
    while next_s < began_s + seconds:
        await asyncio.sleep(next_s - monotonic())
        line = f"say {len(tasks)}".encode()
        tasks.append(asyncio.create_task(caller.ask(line, expected=line, limit_s=LIMIT_S)))
        next_s += chance.expovariate(share * CAPACITY_PER_S)
    outcomes = await asyncio.gather(*tasks)
    waits_ms = sorted(1000 * one.seconds for one in outcomes if one.how == End.ANSWERED)
    return percentile(waits_ms, 50), percentile(waits_ms, 99), _counts(outcomes)


def percentile(ordered: list[float], share: int) -> float:
    """Return the least ordered value with at least so many percent at or below it, else NaN."""
    if not ordered:
        return float("nan")
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]
