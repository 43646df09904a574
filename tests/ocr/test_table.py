"""Tesseract's table of words becomes lines and words."""

import pytest

from ocr.table import TableWord, page_lines, table_lines, words_of


def row(*, line: int, word: int, left: int, width: int, text: str, percent: float = 90) -> str:
    place = [5, 1, 1, 1, line, word, left, 50 * line, width, 30]
    return "\t".join([*map(str, place), str(percent), text])


def piece(text: str, left: float, right: float) -> TableWord:
    return TableWord(text, 0.8, (left, 0, right, 30))


TABLE = "\n".join(
    [
        "1\t1\t0\t0\t0\t0\t0\t0\t900\t200\t-1\t",
        row(line=1, word=1, left=10, width=40, text="two", percent=90),
        row(line=1, word=2, left=60, width=60, text="words", percent=70),
        row(line=2, word=1, left=10, width=20, text=" ", percent=95),
        row(line=3, word=1, left=10, width=50, text="more"),
    ]
)


def test_rows_of_a_line_come_together() -> None:
    lines = table_lines(TABLE)

    assert [[word.text for word in line] for line in lines] == [["two", "words"], ["more"]]
    assert lines[0][1].box == (60, 50, 120, 80)


def test_line_has_its_words_and_their_places() -> None:
    first, second = page_lines(TABLE, "two words\n\nmore\n")

    assert (first.text, second.text) == ("two words", "more")
    assert [word.text for word in first.words] == ["two", "words"]
    assert first.confidence == pytest.approx((3 * 0.9 + 5 * 0.7) / 8)
    assert first.corners.tolist() == [[10, 50], [120, 50], [120, 80], [10, 80]]


def test_pieces_that_the_text_does_not_part_are_one_word() -> None:
    words = words_of("ภาษา ไทย", [piece("ภา", 0, 20), piece("ษา", 20, 40), piece("ไทย", 50, 80)])

    assert [word.text for word in words] == ["ภาษา", "ไทย"]
    assert words[0].corners[:, 0].tolist() == [0, 40, 40, 0]


def test_text_of_another_page_is_not_taken() -> None:
    lines = page_lines(TABLE, "something else\nmore\n")

    assert [line.text for line in lines] == ["two words", "more"]


def test_table_without_lines_is_empty() -> None:
    assert page_lines("1\t1\t0\t0\t0\t0\t0\t0\t900\t200\t-1\t", "") == []


def test_box_stretched_over_its_neighbors_is_cut() -> None:
    pieces = [piece("one", 230, 280), piece("two", 180, 220), piece("three", 50, 276)]

    words = words_of("one two three", pieces)

    assert words[2].corners[:, 0].tolist() == [50, 180, 180, 50]
    assert words[0].corners[:, 0].tolist() == [230, 280, 280, 230]


@pytest.mark.parametrize(
    ("text", "lefts"), [("on top", [0, 50]), ("אב גדה", [80, 0])], ids=["rightward", "leftward"]
)
def test_words_that_the_table_does_not_spell_share_the_line(text: str, lefts: list[int]) -> None:
    words = words_of(text, [piece("?", 0, 100 if lefts[0] == 0 else 120)])

    assert [word.text for word in words] == text.split()
    assert [word.corners[0, 0] for word in words] == pytest.approx(lefts, abs=1e-3)


def test_text_without_a_table_has_no_places() -> None:
    assert words_of("on top", []) == ()
