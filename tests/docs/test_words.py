"""Words of the trade: docstrings name their subject first, and metaphors name nothing.

Members are added to the lists as their words are mended.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.test_style import ROOT

PRODUCT = ("gateway/src", "client/src", "libs/contract/src")
READ = (*PRODUCT, "tests/gateway", "tests/client")
BANNED = frozenset({"gate", "workshop", "crew", "hire", "chore", "chores", "picture", "pictures"})
RIDDLE = re.compile(r"(What|Who|Those|That|How)\b")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def nodes(folders: tuple[str, ...]) -> Iterator[tuple[Path, ast.AST]]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                yield path.relative_to(ROOT), node


def test_docstring_begins_with_its_subject() -> None:
    first_lines = {
        f"{path}: {docstring.splitlines()[0]}"
        for path, node in nodes(READ)
        if isinstance(node, Documented) and (docstring := ast.get_docstring(node))
    }

    assert {line for line in first_lines if RIDDLE.match(line.partition(": ")[2])} == set()


def test_no_metaphor_names_anything() -> None:
    names = {
        f"{path}: {name}"
        for path, node in nodes(PRODUCT)
        for name in (getattr(node, kind, None) for kind in ("name", "id", "attr", "arg"))
        if isinstance(name, str)
        if BANNED & {word.lower() for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}
    }

    assert names == set()
