"""Structured logs on stdout: JSON for machines, text on a terminal, never an image's content."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger


def configure_logs(level: str, *, log_format: Literal["auto", "json", "text"]) -> None:
    """Send every log line of the process to stdout in the chosen form."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stdout.isatty())
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if as_text:
        # The default shows the values of variables, and pictures are among them.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if as_text else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module: their warnings are worth a line, no more.
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return the logger of one part of the mesh, such as "vision"."""
    logger: FilteringBoundLogger = structlog.get_logger(part=name)
    return logger
