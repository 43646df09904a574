"""What the comparison with other servers computes; the servers themselves are not started."""

import math
from email import message_from_bytes
from email.message import Message

import pytest

from benchmarks.peers import wire
from benchmarks.peers.asking import ANSWERED, LATE, REFUSED, Outcome
from benchmarks.peers.orders import Orders, read_orders, to_environment
from benchmarks.peers.report import cost_of, median_ratio, table
from benchmarks.peers.waits import percentile, summarise
from benchmarks.serving import Slice


def slices_of(*cpu_ms: float) -> list[Slice]:
    """Return slices of 10 requests in 2 s that took so much CPU each."""
    return [Slice(10, 2.0, one / 100) for one in cpu_ms]


def test_ratio_is_the_median_of_the_turns_not_of_the_sums() -> None:
    # In the second turn something else ran on the machine, and slowed both.
    slow, quick = slices_of(2.0, 40.0, 3.0), slices_of(1.0, 20.0, 1.0)

    assert median_ratio(slow, quick) == pytest.approx(2.0)


def test_cost_names_the_share_of_the_bare_loop_and_the_ratio_to_ours() -> None:
    cost = cost_of("peer", slices_of(8.0), ours=slices_of(5.0), bare=slices_of(4.0))

    assert cost.cpu_ms == pytest.approx(8.0)
    assert cost.per_second == pytest.approx(5.0)
    assert cost.to_ours == pytest.approx(1.6)
    assert cost.to_bare == pytest.approx(0.5)


def test_cost_without_a_loop_names_no_share_of_it() -> None:
    assert cost_of("peer", slices_of(8.0), ours=slices_of(5.0)).to_bare is None


@pytest.mark.parametrize(("share", "value"), [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)])
def test_percentile_is_one_of_the_values(share: int, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == value


def test_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 50))


def test_waits_are_of_the_answered_and_the_others_are_counted() -> None:
    outcomes = [Outcome(ANSWERED, 0.1), Outcome(ANSWERED, 0.3), Outcome(LATE, 60.0)]

    waits = summarise("peer", [*outcomes, Outcome(REFUSED, 0.0)])

    assert (waits.p50_ms, waits.p99_ms) == (100.0, 300.0)
    assert waits.not_answered == {LATE: 1, REFUSED: 1}


def test_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_inference_request_has_the_fields_of_the_protocol() -> None:
    contents = b"\x2a\x04" + b"\x42\x02hi"  # contents, in them bytes_contents
    tensor = b"\x0a\x04body" + b"\x12\x05BYTES" + b"\x1a\x02\x01\x01" + contents

    framed = wire.infer_request(b"hi")

    assert framed == b"\x0a\x04peer" + b"\x2a" + bytes([len(tensor)]) + tensor


def test_inference_request_writes_long_lengths_in_groups_of_seven_bits() -> None:
    body = bytes(300)

    assert b"\x42\xac\x02" + body in wire.infer_request(body)


def test_form_holds_the_body_as_a_file() -> None:
    head = f"Content-Type: {wire.FORM_TYPE}\r\n\r\n".encode()

    whole = message_from_bytes(head + wire.form(b"\xff\xd8 picture"))

    part = whole.get_payload(0)
    assert isinstance(part, Message)
    assert part.get_param("name", header="content-disposition") == "request"
    assert part.get_payload(decode=True) == b"\xff\xd8 picture"


def test_grpc_frame_says_the_length() -> None:
    assert wire.grpc_frame(b"abc") == b"\x00\x00\x00\x00\x03abc"


def test_orders_survive_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = Orders(8080, "scripted", 0.05, weights="/weights", executed="/executed")
    for name, value in to_environment(orders).items():
        monkeypatch.setenv(name, value)

    assert read_orders() == orders
