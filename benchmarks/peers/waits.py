"""What callers wait who come by chance, at a given share of a model's capacity."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from time import monotonic

from benchmarks.peers.asking import ANSWERED, Caller, Outcome
from benchmarks.peers.model import BATCH_S, ITEM_S
from benchmarks.peers.orders import BATCH

CAPACITY_PER_S = BATCH / (BATCH_S + ITEM_S * BATCH)
SEED = 1  # every server gets the same arrivals
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Waits:
    """What the callers of one server waited.

    Attributes:
        name: Of the server.
        p50_ms: Half of those answered waited no longer.
        p99_ms: All but one in a hundred of those answered waited no longer.
        not_answered: How many others there were, by how they ended.
    """

    name: str
    p50_ms: float
    p99_ms: float
    not_answered: dict[str, int]


async def wait_for_answers(caller: Caller, name: str, *, share: float, seconds: float) -> Waits:
    """Send requests at random times, whether or not earlier ones were answered.

    Args:
        caller: Asks the server.
        name: Of the server.
        share: Of the model's capacity.
        seconds: How long.
    """
    chance = random.Random(SEED)  # noqa: S311 - arrivals, not secrets
    began_s = monotonic()
    next_s = began_s
    tasks: list[asyncio.Task[Outcome]] = []
    while next_s < began_s + seconds:
        await asyncio.sleep(max(0.0, next_s - monotonic()))
        line = f"say {len(tasks)}".encode()
        tasks.append(asyncio.create_task(caller.ask(line, expected=line, limit_s=LIMIT_S)))
        next_s += chance.expovariate(share * CAPACITY_PER_S)
    return summarise(name, await asyncio.gather(*tasks))


def summarise(name: str, outcomes: list[Outcome]) -> Waits:
    """Return what the callers waited."""
    waited_ms = sorted(1000 * one.seconds for one in outcomes if one.how == ANSWERED)
    others = Counter(one.how for one in outcomes if one.how != ANSWERED)
    return Waits(name, percentile(waited_ms, 50), percentile(waited_ms, 99), dict(others))


def percentile(ordered: list[float], share: int) -> float:
    """Return the least of the ordered values that so many percent are no greater than.

    Not a number where there are none.
    """
    if not ordered:
        return float("nan")
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]
