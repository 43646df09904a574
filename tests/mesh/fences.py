"""Commands of Markdown pages: fenced blocks that a reader pastes, and the output they show."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

from markdown_it import MarkdownIt

NOT_RUN = re.compile(r"<!-- not run: .+ -->")  # before a block, with the reason
TITLE = re.compile(r'title="([\w.-]+)"')
SHELL = frozenset({"sh", "shell"})
OUTPUT = frozenset({"json", "text"})


@dataclass(frozen=True, slots=True)
class Step:
    """Shell commands of one block, and the output that the page shows behind them."""

    line: int
    script: str
    output: str | None = None


@dataclass(frozen=True, slots=True)
class _Fence:
    line: int
    language: str
    info: str
    text: str
    is_run: bool


def steps(page: str) -> list[Step]:
    """Return the steps of a page in their order.

    A block of Python with a title becomes a file of that name, one without is run; blocks of `json`
    and `text` are the output of the block before; in a block of `console` each command has its own.
    """
    found: list[Step] = []
    previous: Step | None = None
    for fence in _fences(page):
        if fence.language in OUTPUT and previous is not None:
            found[-1] = Step(previous.line, previous.script, fence.text)
        previous = None
        if fence.is_run and fence.language == "console":
            found += _console(fence)
        elif fence.is_run and fence.language in SHELL | {"python"}:
            previous = Step(fence.line, _script(fence))
            found.append(previous)
    return found


def _fences(page: str) -> Iterator[_Fence]:
    marked = False
    for token in MarkdownIt().parse(page):
        if token.type == "fence":
            language, _, info = token.info.partition(" ")
            line = token.map[0] + 1 if token.map else 0
            yield _Fence(line, language, info, token.content, not marked)
        marked = token.type == "html_block" and NOT_RUN.match(token.content) is not None


def _script(fence: _Fence) -> str:
    if fence.language in SHELL:
        return fence.text
    title = TITLE.search(fence.info)
    command = f"cat > {title[1]}" if title else "python -"
    return f"{command} <<'END OF BLOCK'\n{fence.text}END OF BLOCK\n"


def _console(fence: _Fence) -> Iterator[Step]:
    for part in re.split(r"^\$ ", fence.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        # A terminal shows both streams, and goes on behind a command that failed.
        yield Step(fence.line, f"{{ {command}; }} 2>&1 || true\n", output)


def is_shown(expected: str | None, printed: str) -> bool:
    """Tell whether a page shows what was printed; `...` stands for anything, JSON is indented.

    A page that shows nothing agrees with all but an error of the API, which curl prints and passes.
    """
    if expected is None:
        return not printed.startswith('{"error":')
    if expected.startswith("{\n"):
        printed = json.dumps(json.loads(printed), indent=2, ensure_ascii=False)
    return OutputChecker().check_output(expected.strip() + "\n", printed.strip() + "\n", ELLIPSIS)


def pages(root: Path) -> list[str]:
    """Return the pages whose commands are run, relative to the repository."""
    single = ["README.md", "client/README.md", "docs/api.md", "docs/bulk.md", "docs/keys.md"]
    return single + sorted(str(one.relative_to(root)) for one in root.glob("docs/tutorials/*.md"))
