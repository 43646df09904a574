"""Log lines as a collector reads them."""

import json

import pytest
import structlog

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
    structlog.reset_defaults()


def test_text_is_a_choice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", log_format="text")

    get_logger("test").info("model loaded")

    assert "model loaded" in capsys.readouterr().out
    structlog.reset_defaults()


def test_lower_levels_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", log_format="json")

    get_logger("test").info("chatter")

    assert capsys.readouterr().out == ""
    structlog.reset_defaults()
