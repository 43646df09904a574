"""Format and flushing of log lines."""

import asyncio
import io
import json
from contextlib import redirect_stdout
from typing import Any, Literal

import pytest

from servicekit.logs import configure_logs, get_logger


def test_lines_are_json_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", log_format="auto")

    get_logger("test").info("model loaded", model="x")

    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["part"], line["model"], line["level"]) == (
        "model loaded",
        "test",
        "x",
        "info",
    )


def test_text_is_a_choice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", log_format="text")

    get_logger("test").info("model loaded")

    assert "model loaded" in capsys.readouterr().out


def test_lower_levels_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", log_format="json")

    get_logger("test").info("chatter")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_traces_show_no_variables(
    log_format: Literal["json", "text"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", log_format=log_format)
    image = "canary-pixels"

    try:
        image.index("z")
    except ValueError:
        get_logger("test").exception("rpc failed")

    out = capsys.readouterr().out
    assert "ValueError: substring not found" in out
    assert image not in out.replace('image = "canary-pixels"', "")


class _Pipe(io.BytesIO):
    """Stream that is no terminal; it holds the flushed text."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, content: Any) -> int:  # Any: whatever has bytes
        self.written.set()
        return super().write(content)

    @property
    def lines(self) -> list[dict[str, object]]:
        """Lines that were written."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


async def test_lines_of_a_moment_are_written_together() -> None:
    configure_logs("info", log_format="json")
    pipe = _Pipe()
    with redirect_stdout(io.TextIOWrapper(pipe)):
        for number in range(3):
            get_logger("test").info("rpc", number=number)
        assert pipe.lines == []
        async with asyncio.timeout(5):
            await pipe.written.wait()

        assert [line["number"] for line in pipe.lines] == [0, 1, 2]


async def test_an_error_is_written_at_once_with_what_came_before() -> None:
    configure_logs("info", log_format="json")
    pipe = _Pipe()
    with redirect_stdout(io.TextIOWrapper(pipe)):
        get_logger("test").info("rpc")
        get_logger("test").error("model lost")

        assert [line["event"] for line in pipe.lines] == ["rpc", "model lost"]


async def test_lines_outside_of_a_loop_are_written_at_once() -> None:
    configure_logs("info", log_format="json")
    pipe = _Pipe()
    with redirect_stdout(io.TextIOWrapper(pipe)):
        await asyncio.to_thread(get_logger("test").info, "model loaded")

        assert [line["event"] for line in pipe.lines] == ["model loaded"]
