"""Ratios, frames and judgments of the comparison with other servers, which are not started."""

from typing import Any

import pytest

from benchmarks.serving.load import Slice
from benchmarks.serving.probes import GOOD, STARTS
from benchmarks.serving.turns import median_ratio

LOST = {"answered": 1, "refused UNAVAILABLE": 7, "within_s": 0.2}
BACK = {**LOST, "recovered_s": 0.1, "alive": True}
GOOD_FIGURES: dict[str, dict[str, Any]] = {  # Any: counts, times and names
    "poison": {"neighbors_failed": 0, "poisoned_answered": 0},
    "cancel": {"ran": 0, "next_ms": 70},
    "overload": {"answered": 115, "refused RESOURCE_EXHAUSTED": 485, "refused_within_ms": 50},
    "terminate": {"answered": 12, "late": "refused UNAVAILABLE", "exit": 0},
    "die": BACK,
    "crash": {**LOST, "recovered_s": None, "alive": False},
    "hang": {**BACK, "within_s": 3.1},
}


def slices_of(*cpu_ms: float) -> list[Slice]:
    """Return slices of 10 requests in 2 s that took so much CPU each."""
    return [Slice(10, 2.0, one / 100) for one in cpu_ms]


def test_ratio_is_the_median_of_the_turns_not_of_the_sums() -> None:
    # In the second turn something else ran on the machine, and slowed both.
    slow, quick = slices_of(2.0, 40.0, 3.0), slices_of(1.0, 20.0, 1.0)

    assert median_ratio(slow, quick) == pytest.approx(2.0)


def test_every_probe_is_judged() -> None:
    names = {probe.__name__ for start in STARTS for probe in start}

    assert names == GOOD.keys() == GOOD_FIGURES.keys()


@pytest.mark.parametrize("probe", GOOD)
def test_good_figures_are_judged_good(probe: str) -> None:
    assert GOOD[probe](GOOD_FIGURES[probe])


@pytest.mark.parametrize(
    ("probe", "change"),
    [
        ("poison", {"neighbors_failed": 1}),
        ("poison", {"poisoned_answered": 1}),
        ("cancel", {"ran": 1}),
        ("cancel", {"next_ms": 1000}),
        ("overload", {"late": 1}),
        ("overload", {"refused UNAVAILABLE": 1}),
        ("overload", {"refused_within_ms": 51}),
        ("terminate", {"answered": 11}),
        ("terminate", {"late": "lost"}),
        ("terminate", {"exit": 1}),
        ("die", {"failed": 1}),
        ("die", {"within_s": 5.0}),
        ("die", {"recovered_s": None}),
        ("die", {"recovered_s": 3.1}),
        ("die", {"alive": False}),
        ("crash", {"lost": 1}),
        ("hang", {"within_s": 5.0}),
        ("hang", {"recovered_s": None}),
    ],
)
def test_bad_figures_are_judged_bad(probe: str, change: dict[str, Any]) -> None:
    assert not GOOD[probe]({**GOOD_FIGURES[probe], **change})
