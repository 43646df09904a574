"""How findings about our server are judged; the server itself is not started."""

from typing import Any

import pytest

from benchmarks.peers.probes import STARTS
from benchmarks.robustness import GOOD

LOST = {"answered": 1, "refused": 7, "refused_with": ["UNAVAILABLE"], "slowest_s": 0.2}
BACK = {**LOST, "recovered_s": 0.1, "alive": True}
WHAT_IS_GOOD: dict[str, dict[str, Any]] = {  # Any: counts, times and names
    "poison": {"neighbours_failed": 0, "poisoned_answered": 0},
    "cancel": {"ran": 0, "next_ms": 70},
    "overload": {
        "answered": 115,
        "refused": 485,
        "refused_with": ["RESOURCE_EXHAUSTED"],
        "refused_all_ms": 50,
    },
    "terminate": {"answered": 12, "late": "refused", "refused_with": ["UNAVAILABLE"], "exit": 0},
    "die": BACK,
    "crash": LOST,
    "hang": {**BACK, "slowest_s": 3.1},
}


def test_every_probe_is_judged() -> None:
    names = {probe.__name__ for start in STARTS for probe in start}

    assert names == GOOD.keys() == WHAT_IS_GOOD.keys()


@pytest.mark.parametrize("probe", GOOD)
def test_what_must_happen_is_good(probe: str) -> None:
    assert GOOD[probe](WHAT_IS_GOOD[probe])


@pytest.mark.parametrize(
    ("probe", "change"),
    [
        ("poison", {"neighbours_failed": 1}),
        ("poison", {"poisoned_answered": 1}),
        ("cancel", {"ran": 1}),
        ("cancel", {"next_ms": 1000}),
        ("overload", {"late": 1}),
        ("overload", {"refused_with": ["RESOURCE_EXHAUSTED", "UNAVAILABLE"]}),
        ("overload", {"refused_all_ms": 51}),
        ("terminate", {"answered": 11}),
        ("terminate", {"refused_with": []}),
        ("terminate", {"exit": 1}),
        ("die", {"failed": 1}),
        ("die", {"slowest_s": 5.0}),
        ("die", {"recovered_s": None}),
        ("die", {"recovered_s": 3.1}),
        ("die", {"alive": False}),
        ("crash", {"lost": 1}),
        ("hang", {"slowest_s": 5.0}),
        ("hang", {"recovered_s": None}),
    ],
)
def test_what_must_not_happen_is_bad(probe: str, change: dict[str, Any]) -> None:
    assert not GOOD[probe]({**WHAT_IS_GOOD[probe], **change})
