"""Do to every server what breaks servers, and say what happened.

Nothing is judged here: what ours must do is in benchmarks/robustness.py.
"""

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from benchmarks.peers.asking import ANSWERED, REFUSED, Caller, Outcome
from benchmarks.peers.processes import Tree
from benchmarks.peers.waits import CAPACITY_PER_S

DEADLINE_S = 20.0
CRASH_DEADLINE_S = 5.0
RECOVERS_WITHIN_S = 15.0
EXITS_WITHIN_S = 30.0
OVERLOAD_REQUESTS, OVERLOAD = 600, 15  # so many, at so many times the capacity


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe saw.

    Attributes:
        probe: Its name.
        saw: For people.
        figures: For the JSON file.
    """

    probe: str
    saw: str
    figures: dict[str, object]


@dataclass(frozen=True, slots=True)
class Subject:
    """A server with a scripted model.

    Attributes:
        caller: Asks it.
        tree: Its processes.
        executed: The file of all that its model was given.
    """

    caller: Caller
    tree: Tree
    executed: Path

    @property
    def is_alive(self) -> bool:
        """Whether the process that was started has not ended."""
        return self.tree.process.poll() is None

    async def ask(self, line: str, *, limit_s: float = DEADLINE_S) -> Outcome:
        """Send a line, which is answered with itself."""
        return await self.caller.ask(line.encode(), expected=line.encode(), limit_s=limit_s)

    async def ask_all(self, lines: Iterable[str], *, limit_s: float = DEADLINE_S) -> list[Outcome]:
        """Send many at once."""
        return await asyncio.gather(*(self.ask(line, limit_s=limit_s) for line in lines))

    def lines(self) -> list[str]:
        """Return all that the model was given."""
        return self.executed.read_text().splitlines() if self.executed.exists() else []

    async def until_executed(self, line: str) -> None:
        """Wait until the model was given a line."""
        while line not in self.lines():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


Probe = Callable[[Subject], Awaitable[Finding]]


async def poison(subject: Subject) -> Finding:
    """Send 32 at once, every eighth of them poisoned: one in each full batch."""
    lines = [f"{'poison' if number % 8 == 3 else 'say'} {number}" for number in range(32)]  # noqa: PLR2004
    poisoned = [line for line in lines if line.startswith("poison")]
    outcomes = dict(zip(lines, await subject.ask_all(lines), strict=True))
    innocent = sum(one.how != ANSWERED for line, one in outcomes.items() if line not in poisoned)
    answered = sum(outcomes[line].how == ANSWERED for line in poisoned)
    saw = f"{innocent} of 28 neighbours failed"
    return Finding("poison", saw, {"neighbours_failed": innocent, "poisoned_answered": answered})


async def cancel(subject: Subject) -> Finding:
    """Cancel 32 that wait for a busy model, and send one more."""
    holding = asyncio.create_task(subject.ask("hold first"))
    await subject.until_executed("hold first")
    waiting = [asyncio.create_task(subject.ask(f"say gone{number}")) for number in range(32)]
    await asyncio.sleep(0.3)  # they have arrived
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    after = asyncio.create_task(subject.ask("say after"))
    await holding
    began_s = monotonic()
    await after
    wait_ms = round(1000 * (monotonic() - began_s))
    ran = sum("gone" in line for line in subject.lines())
    saw = f"{ran} of 32 ran, the next took {wait_ms} ms"
    return Finding("cancel", saw, {"ran": ran, "next_ms": wait_ms})


async def overload(subject: Subject) -> Finding:
    """Send 600 at 15 times the capacity, each with a deadline of 20 s."""
    pause_s = 1 / (OVERLOAD * CAPACITY_PER_S)
    began_s = monotonic()
    tasks = []
    for number in range(OVERLOAD_REQUESTS):
        await asyncio.sleep(max(0.0, began_s + number * pause_s - monotonic()))
        tasks.append(asyncio.create_task(subject.ask(f"say {number}")))
    sent_s = monotonic() - began_s
    outcomes = await asyncio.gather(*tasks)
    slowest_s = max((one.seconds for one in outcomes if one.how == ANSWERED), default=0.0)
    refused_ms = sorted(round(1000 * one.seconds) for one in outcomes if one.how == REFUSED)
    saw = f"sent in {sent_s:.1f} s: {_counted(outcomes)}; answers within {slowest_s:.1f} s"
    figures: dict[str, object] = {
        "sent_s": round(sent_s, 2),
        "slowest_s": round(slowest_s, 2),
        **_told(outcomes),
    }
    if refused_ms:
        half, last = refused_ms[len(refused_ms) // 2], refused_ms[-1]
        saw += f", half of the refusals within {half} ms, all within {last} ms"
        figures |= {"refused_half_ms": half, "refused_all_ms": last}
    return Finding("overload", saw, {**_counts(outcomes), **figures})


async def die(subject: Subject) -> Finding:
    """Let the model end its thread or process, by SystemExit, under eight requests."""
    return await _after_death(subject, "die")


async def crash(subject: Subject) -> Finding:
    """Let the model end its process at once, under eight requests."""
    return await _after_death(subject, "crash")


async def hang(subject: Subject) -> Finding:
    """Let the model take a minute, under eight requests."""
    return await _after_death(subject, "hang")


async def terminate(subject: Subject) -> Finding:
    """Stop the server with 12 in flight; one more comes late."""
    holding = [asyncio.create_task(subject.ask("hold 0"))]
    await subject.until_executed("hold 0")
    holding += [asyncio.create_task(subject.ask(f"say {number}")) for number in range(1, 12)]
    await asyncio.sleep(0.2)  # they have arrived
    subject.tree.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)  # it is draining
    late = await subject.ask("say late")
    outcomes = await asyncio.gather(*holding)
    status = await asyncio.to_thread(_exit_status, subject.tree.process)
    answered = sum(one.how == ANSWERED for one in outcomes)
    told = f"{late.how} {late.status}".strip()
    saw = f"{answered} of 12 answered, a late one {told}, exit {status}"
    figures: dict[str, object] = {"answered": answered, "late": late.how, "exit": status}
    return Finding("terminate", saw, {**figures, **_told([late])})


STARTS: tuple[tuple[Probe, ...], ...] = (
    (poison, cancel, overload, terminate),
    (die,),
    (crash,),
    (hang,),
)
"""The probes, by the server that they share; the last one of each ends it, or may."""


async def _after_death(subject: Subject, word: str) -> Finding:
    # Behind a busy model all eight are one batch, where requests are joined.
    holding = asyncio.create_task(subject.ask("hold before"))
    await subject.until_executed("hold before")
    lines = [*(f"say {number}" for number in range(7)), f"{word} 7"]
    asking = asyncio.create_task(subject.ask_all(lines, limit_s=CRASH_DEADLINE_S))
    await holding
    began_s = monotonic()
    outcomes = await asking
    died_s = monotonic()
    slowest_s = died_s - began_s
    serves = False
    while not serves and subject.is_alive and monotonic() < died_s + RECOVERS_WITHIN_S:
        serves = await subject.caller.until_answered(
            b"say again", expected=b"say again", limit_s=1.0
        )
    recovered_s = round(monotonic() - died_s, 2) if serves else None
    saw = (
        f"{_counted(outcomes)} within {slowest_s:.1f} s; "
        f"{f'serves {recovered_s:.1f} s later' if recovered_s is not None else 'serves no more'}"
        f"{'' if subject.is_alive else ', its process ended'}"
    )
    figures = {
        "slowest_s": round(slowest_s, 2),
        "recovered_s": recovered_s,
        "alive": subject.is_alive,
        **_told(outcomes),
    }
    return Finding(word, saw, {**_counts(outcomes), **figures})


def _counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    return dict(Counter(one.how for one in outcomes).most_common())


def _told(outcomes: Iterable[Outcome]) -> dict[str, object]:
    """Return the statuses of refusals, for the JSON file."""
    return {"refused_with": sorted({one.status for one in outcomes if one.how == REFUSED})}


def _counted(outcomes: Iterable[Outcome]) -> str:
    return ", ".join(f"{count} {how}" for how, count in _counts(outcomes).items())


def _exit_status(process: "subprocess.Popen[bytes]") -> int | None:
    try:
        return process.wait(EXITS_WITHIN_S)
    except subprocess.TimeoutExpired:
        return None
