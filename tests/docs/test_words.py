"""Words of the trade: docstrings name their subject first, one word stands for one idea."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.docs.test_style import ROOT, sources

BANNED = frozenset({"gate", "workshop", "crew", "hire", "chore", "chores", "picture", "pictures"})
RIDDLE = re.compile(r"(What|Who|Those|That|How)\b")
BRITISH = re.compile(r"colour|recognis|neighbour|behaviour", re.IGNORECASE)
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])")
PAGES = ("*.md", "docs/**/*.md", "services/*/*.md", "benchmarks/**/*.md", "models/*/*.md")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    return [(path.relative_to(ROOT), ast.parse(path.read_text())) for path in sources()]


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path, tree in trees():
        yield from ((path, node) for node in ast.walk(tree))


def test_docstring_begins_with_its_subject() -> None:
    first_lines = {
        f"{path}: {docstring.splitlines()[0]}"
        for path, node in nodes()
        if isinstance(node, Documented) and (docstring := ast.get_docstring(node))
    }

    assert {line for line in first_lines if RIDDLE.match(line.partition(": ")[2])} == set()


def test_identifiers_are_trade_words_in_american_spelling() -> None:
    names = {
        name: path
        for path, node in nodes()
        for name in (path.stem, *(getattr(node, k, None) for k in ("name", "id", "attr", "arg")))
        if isinstance(name, str)
    }

    words = {name: set(_PARTS.sub("_", name).lower().split("_")) for name in names}
    assert {
        f"{names[name]}: {name}" for name in names if BRITISH.search(name) or BANNED & words[name]
    } == set()


def test_pages_say_image() -> None:
    pages = {path for pattern in PAGES for path in ROOT.glob(pattern)} - {ROOT / "CHANGELOG.md"}
    banned = re.compile(r"\bpictures?\b", re.IGNORECASE)

    assert [path for path in pages if banned.search(path.read_text())] == []
