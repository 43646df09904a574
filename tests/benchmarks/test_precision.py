"""What the comparison of precisions computes."""

import numpy as np
import pytest

from benchmarks.precision import Turns, batches_of, compare_rows, take_turns


def test_models_take_turns_after_a_first_answer_that_is_not_timed() -> None:
    asked = []

    def ask(model: str, batch: int) -> str:
        asked.append(f"{model}{batch}")
        return f"{batch} by {model}"

    turns = take_turns([1, 2, 3], ["a", "b"], ask)

    assert asked == ["a1", "b1", "b1", "a1", "a2", "b2", "b3", "a3"]
    assert turns.answers == (["1 by a", "2 by a", "3 by a"], ["1 by b", "2 by b", "3 by b"])
    assert [len(seconds) for seconds in turns.seconds] == [3, 3]


def test_ratio_of_times_is_the_median_of_the_turns() -> None:
    turns: Turns[str] = Turns(
        answers=([], []), seconds=([0.002, 0.06, 0.003], [0.001, 0.03, 0.001])
    )

    assert turns.times() == {"float32_ms": 3.0, "other_ms": 1.0, "times_faster": 2.0}


def test_last_batch_has_what_is_left() -> None:
    pictures = [np.zeros((1, 1, 3), np.uint8)] * 11

    assert [len(batch) for batch in batches_of(pictures)] == [8, 3]


def test_rows_are_compared_picture_by_picture() -> None:
    """The third is right in float32 only; its first confidence moves by 0.2, most of all."""
    zeros = [0.0, 0.0, 0.0]
    float32 = np.array([[0.9, 0.1, *zeros], [0.2, 0.8, *zeros], [0.6, 0.4, *zeros]])
    other = np.array([[0.9, 0.1, *zeros], [0.3, 0.7, *zeros], [0.4, 0.6, *zeros]])
    turns = Turns(answers=([float32[:2], float32[2:]], [other[:2], other[2:]]), seconds=([], []))

    compared = compare_rows(turns, [0, 0, 0])

    assert compared["float32"] == pytest.approx({"top1": 0.6667, "top5": 1, "ece": 0.4333})
    assert (compared["right_only_in_float32"], compared["right_only_in_other"]) == (1, 0)
    assert (compared["same_first"], compared["largest_difference"]) == (0.6667, 0.2)
    assert compared["mean_difference_of_first"] == pytest.approx(0.1)
