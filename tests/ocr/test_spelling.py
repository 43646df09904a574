"""Letters that look alike are spelt as the language spells them."""

import pytest

from ocr.spelling import respell


@pytest.mark.parametrize(
    ("code", "read", "spelling"),
    [
        ("tha", "\u0e04\u0e4d\u0e32", "\u0e04\u0e33"),
        ("tha", "\u0e19\u0e4d\u0e49\u0e32", "\u0e19\u0e49\u0e33"),
        ("lao", "\u0e97\u0ecd\u0eb2", "\u0e97\u0eb3"),
        ("fas", "\u0645\u064a,", "\u0645\u06cc\u060c"),
        ("pus", "\u062f\u06cc\u0646 \u062f\u06cc", "\u062f\u064a\u0646 \u062f\u06cc"),
        ("mal", "\u0d28\u0d4d\u200d", "\u0d7b"),
        ("asm", "\u0995\u09f7 \u09f7", "\u0995\u09be \u0964"),
        ("mya", "\u101e\u100a\u103a!", "\u101e\u100a\u103a\u104a"),
        ("yid", "\u05d5\u05d5\u05d0\u05e1", "\u05f0\u05d0\u05e1"),
        ("tam", "\u0bae\u0bcd\u200c", "\u0bae\u0bcd"),
        ("urd", "\u200f\u06c1\u06d2\u200f", "\u06c1\u06d2"),
        ("eng", "Vow, \u064a!", "Vow, \u064a!"),
    ],
)
def test_line_is_respelt(code: str, read: str, spelling: str) -> None:
    assert respell(read, code) == spelling
