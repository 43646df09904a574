"""The pages that a caller asks for."""

import pytest

from ocr.page_numbers import choose_pages
from servicekit.errors import InvalidRequest


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ("", (1, 2, 3, 4, 5, 6, 7)),
        (" ", (1, 2, 3, 4, 5, 6, 7)),
        ("1-", (1, 2, 3, 4, 5, 6, 7)),
        ("7", (7,)),
        ("1-3,7", (1, 2, 3, 7)),
        ("5-", (5, 6, 7)),
        ("7-", (7,)),
        ("2-2", (2,)),
        (" 7 , 1-2 ", (1, 2, 7)),
        ("3-5,4-6,4", (3, 4, 5, 6)),
    ],
)
def test_pages_are_ascending_and_each_once(asked: str, numbers: tuple[int, ...]) -> None:
    assert choose_pages(asked, page_count=7, most=7) == numbers


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("0", "pages has '0'; send numbers and ranges"),
        ("-3", "pages has '-3'"),
        ("1-2-3", "pages has '1-2-3'"),
        ("1,,2", "pages has ''"),
        ("one", "pages has 'one'"),
        ("1 2", "pages has '1 2'"),
        ("٣", "pages has '٣'"),
        ("9" * 50, f"pages has '{'9' * 20}'"),
        ("8", "there is no page 8; the document has 7 pages"),
        ("8-", "there is no page 8; the document has 7 pages"),
        ("5-9999999", "there is no page 9999999; the document has 7 pages"),
        ("9-8", "there is no page 9"),
        ("5-2", 'pages has "5-2", which ends before it begins'),
        ("1," * 101, "pages has 202 letters; the limit is 200"),
    ],
)
def test_bad_pages_say_what_is_wrong(asked: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose_pages(asked, page_count=7, most=7)

    assert message in str(caught.value)


def test_image_has_one_page() -> None:
    assert choose_pages("1", page_count=1, most=7) == (1,)
    with pytest.raises(InvalidRequest, match=r"there is no page 2; the document has 1 page$"):
        choose_pages("2", page_count=1, most=7)


@pytest.mark.parametrize(("asked", "count"), [("", 9), ("1-4", 4)])
def test_more_pages_than_are_read_at_once_ask_for_a_range(asked: str, count: int) -> None:
    message = f'{count} pages are asked for; at most 3 .* such as "1-3"$'
    with pytest.raises(InvalidRequest, match=message):
        choose_pages(asked, page_count=9, most=3)
