"""Markdown of pages written by hand, as a parser of the format understands it."""

from collections.abc import Sequence

import numpy as np
import pytest
from markdown_it import MarkdownIt

from ocr.engines import PageLine, PageWord
from ocr.formats import write_document
from ocr.preparation import Corners
from tests.ocr.printed import leaning, printed_page, rectangle, written_line


def shown(lines: Sequence[PageLine]) -> str:
    """Return the HTML of the Markdown of a page."""
    document = write_document([printed_page(lines)], "markdown")
    assert document.media_type == "text/markdown"
    html: str = MarkdownIt("commonmark").enable("table").render(document.content.decode())
    return html


def row(top: float, *cells: tuple[str, float], degrees: float = 0.0) -> PageLine:
    """Return a line whose cells begin at the given places; their letters are 20 px wide."""
    words = [
        PageWord(text, 0.9, leaning(rectangle(left, top, 20 * len(text), 40), degrees))
        for text, left in cells
    ]
    (_, first), (text, last) = cells[0], cells[-1]
    corners = leaning(rectangle(first, top, last + 20 * len(text) - first, 40), degrees)
    joined = " ".join(text for text, _ in cells)
    return PageLine(joined, 0.9, corners, tuple(words), 0, "Latn")


def tall(line: PageLine, height: float) -> PageLine:
    left, top = line.corners[0]
    corners = rectangle(left, top, 20 * len(line.text), height)
    return PageLine(line.text, 0.9, corners, (), line.block, line.script)


def test_larger_lines_are_headings_and_blocks_are_paragraphs() -> None:
    body = [written_line("usual words of some length", 300 + 60 * n, block=1) for n in range(3)]
    lines = [tall(written_line("Title", 100), 90), *body, written_line("The end.", 700, block=2)]

    paragraph = "\n".join(["usual words of some length"] * 3)
    assert shown(lines) == f"<h1>Title</h1>\n<p>{paragraph}</p>\n<p>The end.</p>\n"


@pytest.mark.parametrize("degrees", [0.0, 4.0])
def test_rows_of_the_same_columns_are_a_table(degrees: float) -> None:
    rows = [
        row(100, ("Item", 100), ("Price", 700), degrees=degrees),
        row(160, ("Bread", 100), ("3.20", 720), degrees=degrees),
        row(220, ("Butter", 100), ("10.50", 700), degrees=degrees),
    ]

    html = shown(rows)

    cells = [part.split("</t")[0] for part in html.replace("<th>", "<td>").split("<td>")[1:]]
    assert cells == ["Item", "Price", "Bread", "3.20", "Butter", "10.50"]


def test_marks_before_lines_are_a_list() -> None:
    lines = [written_line(text, 100 + 60 * n) for n, text in enumerate(["\u2022 one", "- two"])]

    assert shown(lines) == "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n"


@pytest.mark.parametrize(
    "text", ["# no heading", "a*b*c", "_x_ [y](z) <b>", "a | b", "\\", "&copy;", "---", "+ sum"]
)
def test_letters_of_the_page_are_no_marks(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert shown([written_line(text, 100)]) == f"<p>{escaped}</p>\n"


def test_pages_are_parted_by_a_rule() -> None:
    pages = [printed_page([written_line(text, 100)]) for text in ("one", "two")]

    assert write_document(pages, "markdown").content.decode() == "one\n\n---\n\ntwo\n"


def test_cells_of_arabic_are_parted_from_the_right() -> None:
    def line(top: float) -> PageLine:
        def place(left: float, width: float) -> Corners:
            return np.roll(rectangle(left, top, width, 40), -1, axis=0)

        words = (PageWord("\u0633\u0644", 0.9, place(860, 40)), PageWord("12", 0.9, place(200, 40)))
        return PageLine("\u0633\u0644 12", 0.9, place(200, 700), words, 0, "Arab")

    page = printed_page([line(100), line(160)], code="ara")
    content = write_document([page], "markdown").content.decode()

    assert content.splitlines()[::2] == ["| \u0633\u0644 | 12 |"] * 2
