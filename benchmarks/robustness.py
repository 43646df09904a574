"""Do to our server what breaks others, and judge it: python -m benchmarks.robustness [--json FILE].

The probes and the scripted model are those of the comparison with other servers
(benchmarks/peers), whose environments this does not need. The client shares the machine, so that
its own delays are in the times.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.machine import describe_machine
from benchmarks.peers.catalogue import OURS
from benchmarks.peers.model import BATCH_S, ITEM_S
from benchmarks.peers.modes import Run, probe_all
from benchmarks.peers.orders import RUN_LIMIT_S

PACKAGES = ("grpcio", "uvloop")
REFUSED_WITHIN_MS = 50
AT_ONCE_S = 1.0
NEXT_WITHIN_S = 2 * (BATCH_S + ITEM_S)  # two batches of one
RECOVERED_WITHIN_S = 3.0

Figures = Mapping[str, Any]  # Any: counts, times and names, as the JSON file has them


def main() -> None:
    """Run every probe, print a table, write the JSON file if named; exit with 1 for a bad one."""
    parser = argparse.ArgumentParser(description="Do to our server what breaks others.")
    parser.add_argument("--json", type=Path, help="file to write the findings to")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = probe_all(Run([], Path(), Path(folder), rounds=0, seconds=None), OURS)
    figures = {one.probe: one.figures for one in found}
    judged = {name: name in figures and is_good(figures[name]) for name, is_good in GOOD.items()}
    print(", ".join(f"{probe} {'good' if good else 'BAD'}" for probe, good in judged.items()))
    if arguments.json:
        told = {"findings": [asdict(one) for one in found], "good": judged}
        arguments.json.write_text(
            json.dumps({**describe_machine(PACKAGES), **told}, indent=2) + "\n"
        )
    sys.exit(0 if all(judged.values()) else 1)


def _poison(figures: Figures) -> bool:
    return (figures["neighbours_failed"], figures["poisoned_answered"]) == (0, 0)


def _cancel(figures: Figures) -> bool:
    return figures["ran"] == 0 and bool(figures["next_ms"] < 1000 * NEXT_WITHIN_S)


def _overload(figures: Figures) -> bool:
    return (
        _are_answered_or_refused(figures, ["RESOURCE_EXHAUSTED"])
        and figures["refused_all_ms"] <= REFUSED_WITHIN_MS
    )


def _terminate(figures: Figures) -> bool:
    told = (figures["answered"], figures["refused_with"], figures["exit"])
    return told == (12, ["UNAVAILABLE"], 0)


def _die(figures: Figures) -> bool:
    return _crash(figures) and _is_back(figures)


def _crash(figures: Figures) -> bool:
    """It takes the process along, which its supervisor starts again; here nobody does."""
    return _are_answered_or_refused(figures, ["UNAVAILABLE"]) and figures["slowest_s"] <= AT_ONCE_S


def _hang(figures: Figures) -> bool:
    return (
        _are_answered_or_refused(figures, ["UNAVAILABLE"])
        and figures["slowest_s"] <= RUN_LIMIT_S + AT_ONCE_S
        and _is_back(figures)
    )


def _are_answered_or_refused(figures: Figures, statuses: list[str]) -> bool:
    otherwise = figures.keys() & {"wrong", "failed", "lost", "late"}
    return not otherwise and figures["refused_with"] == statuses


def _is_back(figures: Figures) -> bool:
    recovered_s = figures["recovered_s"]
    return figures["alive"] and recovered_s is not None and recovered_s <= RECOVERED_WITHIN_S


GOOD: Final[dict[str, Callable[[Figures], bool]]] = {
    "poison": _poison,
    "cancel": _cancel,
    "overload": _overload,
    "terminate": _terminate,
    "die": _die,
    "crash": _crash,
    "hang": _hang,
}
"""Of each probe, whether ours does what it must."""


if __name__ == "__main__":
    main()
