"""Log lines about a collector that goes away and comes back."""

import json
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from servicekit.logs import configure_logs
from servicekit.tracing.otlp import LoggingExporter

TAKEN, LOST = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


class Scripted(SpanExporter):
    """Exporter with scripted results."""

    def __init__(self, *results: SpanExportResult) -> None:
        self._results = list(results)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take the next result."""
        del spans
        return self._results.pop(0)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([TAKEN, TAKEN], []),
        ([LOST, LOST, LOST], ["warning"]),
        ([LOST, TAKEN, TAKEN], ["warning", "info"]),
        ([LOST, TAKEN, LOST], ["warning", "info", "warning"]),
    ],
)
def test_changes_are_told_and_nothing_else(
    capsys: pytest.CaptureFixture[str], results: list[SpanExportResult], said: list[str]
) -> None:
    configure_logs("info", log_format="json")
    exporter = LoggingExporter(Scripted(*results))

    assert [exporter.export([]) for _ in results] == results
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["level"] for line in lines] == said
