"""Export of spans to a collector over OTLP, in a thread of its own."""

import logging
from collections.abc import Callable, Sequence
from threading import Timer

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from servicekit.logs import get_logger

# Time to send the remaining spans at shutdown; the chart leaves 5 s after the drain.
FLUSH_S = 2.0

_log = get_logger("tracing")


def open_tracer(member: str, endpoint: str) -> tuple[Tracer, Callable[[], None]]:
    """Return a tracer, and a function that sends the remaining spans and closes it.

    At most 2,048 spans are queued (OTEL_BSP_MAX_QUEUE_SIZE); one more drops the oldest.

    Args:
        member: names the process, unless OTEL_SERVICE_NAME does.
        endpoint: URL of the collector.
    """
    configured = OTELResourceDetector().detect()
    resource = Resource.create({SERVICE_NAME: member}).merge(configured)
    exporter = LoggingExporter(OTLPSpanExporter(endpoint=endpoint))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    # It would log every attempt while the collector is away.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    def close() -> None:
        giving_up = Timer(FLUSH_S, exporter.shutdown)
        giving_up.start()
        provider.shutdown()
        giving_up.cancel()

    return provider.get_tracer("imagemesh"), close


class LoggingExporter(SpanExporter):
    """Exporter that logs the loss of the collector once, and its return once.

    Args:
        exporter: sends them.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_well = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans and log a change of the outcome."""
        result = self._exporter.export(spans)
        is_well = result is SpanExportResult.SUCCESS
        if self._is_well and not is_well:
            _log.warning("span export failed: spans are dropped until the collector accepts them")
        elif is_well and not self._is_well:
            _log.info("span export recovered")
        self._is_well = is_well
        return result

    def shutdown(self) -> None:
        """Abort the current export."""
        self._exporter.shutdown()
