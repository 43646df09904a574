"""Words of the trade: docstrings name their subject first, one word stands for one idea."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.test_style import ROOT, sources

BANNED = frozenset({"gate", "workshop", "crew", "hire", "chore", "chores", "picture", "pictures"})
RIDDLE = re.compile(r"(What|Who|Those|That|How)\b")
BRITISH = re.compile(r"colour|recognis|neighbour|behaviour", re.IGNORECASE)
PAGES = ("*.md", "docs/**/*.md", "services/*/*.md", "benchmarks/**/*.md", "models/*/*.md")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in (path.relative_to(ROOT) for path in sources()):
        yield from ((path, node) for node in ast.walk(ast.parse((ROOT / path).read_text())))


def test_docstring_begins_with_its_subject() -> None:
    first_lines = {
        f"{path}: {docstring.splitlines()[0]}"
        for path, node in nodes()
        if isinstance(node, Documented) and (docstring := ast.get_docstring(node))
    }

    assert {line for line in first_lines if RIDDLE.match(line.partition(": ")[2])} == set()


def test_identifiers_are_trade_words_in_american_spelling() -> None:
    names = {
        f"{path}: {name}"
        for path, node in nodes()
        for name in (path.stem, *(getattr(node, k, None) for k in ("name", "id", "attr", "arg")))
        if isinstance(name, str)
        if BRITISH.search(name)
        or BANNED & {word.lower() for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}
    }

    assert names == set()


def test_pages_say_image() -> None:
    pages = {path for pattern in PAGES for path in ROOT.glob(pattern)} - {ROOT / "CHANGELOG.md"}
    banned = re.compile(r"\bpictures?\b", re.IGNORECASE)

    assert [path for path in pages if banned.search(path.read_text())] == []
