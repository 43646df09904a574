"""Parsing of requested page numbers, such as "1-3,7" or "5-"."""

import re

from servicekit.errors import InvalidRequest

_MOST_LETTERS = 200
_SHOWN_LETTERS = 20  # of a text in a message
# One page, or from one to another, or from one to the last; no file has seven digits of pages.
_RANGE = re.compile(r"([1-9][0-9]{0,6})(?:(-)([1-9][0-9]{0,6})?)?")


def choose_pages(asked: str, *, page_count: int, most: int) -> tuple[int, ...]:
    """Return the numbers of the pages that are asked for, ascending, each once.

    Args:
        asked: numbers and ranges with commas between them, counted from 1; empty for all pages.
        page_count: pages that the document has.
        most: pages that may be read at once.

    Raises:
        InvalidRequest: it is no such text, names a page that is not there, or too many.
    """
    if len(asked) > _MOST_LETTERS:
        raise InvalidRequest(f"pages has {len(asked)} letters; the limit is {_MOST_LETTERS}")
    parts = [part.strip() for part in asked.split(",")] if asked.strip() else ["1-"]
    numbers = sorted({number for part in parts for number in _expand(part, page_count)})
    if len(numbers) > most:
        raise InvalidRequest(
            f"{len(numbers)} pages are asked for; at most {most} are read in one request: "
            f'send a range in pages, such as "1-{most}"'
        )
    return tuple(numbers)


def _expand(part: str, page_count: int) -> range:
    match = _RANGE.fullmatch(part)
    if match is None:
        raise InvalidRequest(
            f'pages has {part[:_SHOWN_LETTERS]!r}; send numbers and ranges such as "1-3,7" or "5-"'
        )
    first = int(match[1])
    last = int(match[3]) if match[3] else page_count if match[2] else first
    missing = first if first > page_count else last
    if missing > page_count:
        has = "1 page" if page_count == 1 else f"{page_count} pages"
        raise InvalidRequest(f"there is no page {missing}; the document has {has}")
    if last < first:
        raise InvalidRequest(f'pages has "{part}", which ends before it begins')
    return range(first, last + 1)
