"""Ratios, frames and judgments of the comparison with other servers, which are not started."""

import math
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from benchmarks.reports import table
from benchmarks.serving import wire
from benchmarks.serving.catalogue import read_catalogue
from benchmarks.serving.load import Slice
from benchmarks.serving.model import Orders, read_orders
from benchmarks.serving.probes import GOOD, STARTS, percentile
from benchmarks.serving.turns import cost_row, median_ratio

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


def test_row_has_the_ratio_to_ours_and_the_share_of_the_bare_loop() -> None:
    turns = {"peer": slices_of(8.0), "ours": slices_of(5.0), "bare": [Slice(10, 1.0, 0.04)]}

    row = cost_row("peer", turns, ours="ours", bare="bare")

    assert row == ["peer", pytest.approx(8.0), pytest.approx(0.625), pytest.approx(0.5), 5.0]


def test_row_without_a_loop_has_no_share_of_it() -> None:
    assert cost_row("ours", {"ours": slices_of(8.0)}, ours="ours", bare="bare")[3] == ""


@pytest.mark.parametrize(("share", "value"), [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)])
def test_percentile_is_one_of_the_values(share: int, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == value


def test_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 50))


def test_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", 2.0)]) == "| a | b |\n| --- | --- |\n| 1 | 2.00 |"


def test_form_holds_the_body_as_a_file() -> None:
    head = f"Content-Type: {wire.FORM_TYPE}\r\n\r\n".encode()

    whole = message_from_bytes(head + wire.form(b"\xff\xd8 image"))

    part = whole.get_payload(0)
    assert isinstance(part, Message)
    assert part.get_param("name", header="content-disposition") == "request"
    assert part.get_payload(decode=True) == b"\xff\xd8 image"


def test_grpc_frame_has_the_length() -> None:
    assert wire.grpc_frame(b"abc") == b"\x00\x00\x00\x00\x03abc"


def test_orders_survive_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = Orders(8080, "scripted", batch=1, graph="/graph", executed="/executed")
    for name, value in orders.to_environment().items():
        monkeypatch.setenv(name, value)

    assert read_orders() == orders


def test_catalogue_has_ours_and_the_peers() -> None:
    assert {"imagemesh", "vision", "mosec", "litserve", "bentoml"} <= read_catalogue().keys()


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
