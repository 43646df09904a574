"""Send spans to a collector over OTLP, from a thread of their own and never at a request's cost."""

import logging
from collections.abc import Callable, Sequence
from threading import Timer

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from servicekit.logs import get_logger

# What is left is sent within this time at the end; the chart leaves 5 s after the drain.
FLUSH_S = 2.0

_log = get_logger("tracing")


def open_tracer(member: str, endpoint: str) -> tuple[Tracer, Callable[[], None]]:
    """Return what makes spans, and what sends those that are left and ends it.

    At most 2,048 spans wait to be sent (OTEL_BSP_MAX_QUEUE_SIZE); one more pushes the oldest out.

    Args:
        member: names the process, unless OTEL_SERVICE_NAME does.
        endpoint: URL of the collector.
    """
    told = OTELResourceDetector().detect()
    resource = Resource.create({SERVICE_NAME: member}).merge(told)
    exporter = ToldOnce(OTLPSpanExporter(endpoint=endpoint))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    # It would repeat itself for as long as the collector is away.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    def close() -> None:
        giving_up = Timer(FLUSH_S, exporter.shutdown)
        giving_up.start()
        provider.shutdown()
        giving_up.cancel()

    return provider.get_tracer("imagemesh"), close


class ToldOnce(SpanExporter):
    """Says once that the collector takes no spans, and once that it takes them again.

    Args:
        exporter: sends them.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_well = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, and say what came of it where that has changed."""
        result = self._exporter.export(spans)
        is_well = result is SpanExportResult.SUCCESS
        if self._is_well and not is_well:
            _log.warning("traces are lost: the collector does not take them")
        elif is_well and not self._is_well:
            _log.info("traces are taken again")
        self._is_well = is_well
        return result

    def shutdown(self) -> None:
        """Give up what is being sent."""
        self._exporter.shutdown()
