"""Turn what was measured into ratios and tables."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving import Slice


@dataclass(frozen=True, slots=True)
class Cost:
    """What a server's requests cost, medians over the slices.

    Attributes:
        name: Of the server.
        cpu_ms: CPU time of a request.
        per_second: Requests answered in a second.
        to_ours: Its CPU time over ours, in slices side by side; above 1, ours is better.
        to_bare: Throughput by CPU time over that of the bare loop; none where there is no loop.
    """

    name: str
    cpu_ms: float
    per_second: float
    to_ours: float
    to_bare: float | None


def cost_of(
    name: str,
    slices: Sequence[Slice],
    *,
    ours: Sequence[Slice],
    bare: Sequence[Slice] | None = None,
) -> Cost:
    """Return what a server's requests cost; the slices of all are those of the same turns."""
    return Cost(
        name,
        cpu_ms=statistics.median(one.cpu_ms for one in slices),
        per_second=statistics.median(one.per_second for one in slices),
        to_ours=median_ratio(slices, ours),
        to_bare=None if bare is None else median_ratio(bare, slices),
    )


def median_ratio(above: Sequence[Slice], below: Sequence[Slice]) -> float:
    """Return the median of one's CPU time for a request over the other's, turn by turn."""
    pairs = zip(above, below, strict=True)
    return statistics.median(a.cpu_ms / b.cpu_ms for a, b in pairs)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cost_row(cost: Cost) -> list[str]:
    """Return a line of the table of costs."""
    bare = "" if cost.to_bare is None else f"{cost.to_bare:.2f}"
    return [
        cost.name,
        f"{cost.cpu_ms:.2f}",
        f"{1 / cost.to_ours:.2f}",
        bare,
        f"{cost.per_second:.0f}",
    ]


COST_HEAD = ("server", "CPU ms a request", "ours : its", "of the bare loop", "requests/s")
