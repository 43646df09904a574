"""Log lines as a collector reads them."""

import json
from typing import Literal

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
    picture = "canary-pixels"

    try:
        picture.index("z")
    except ValueError:
        get_logger("test").exception("rpc failed")

    out = capsys.readouterr().out
    assert "ValueError: substring not found" in out
    assert picture not in out.replace('picture = "canary-pixels"', "")
