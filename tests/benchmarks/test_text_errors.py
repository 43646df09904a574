"""Tests of the errors of a text that was read."""

import pytest

from benchmarks.text_errors import lost_lines

TRUTH = "All human beings are born free\nand equal in dignity and rights.\nThey are endowed"


@pytest.mark.parametrize(
    ("read_text", "lost"),
    [
        (TRUTH, 0),
        (TRUTH.replace("\n", " "), 0),
        ("All hunan being are bom free They are endowed", 1),
        ("", 3),
    ],
)
def test_lines_without_a_place_in_the_text_are_lost(read_text: str, lost: int) -> None:
    assert lost_lines(TRUTH, read_text) == lost
