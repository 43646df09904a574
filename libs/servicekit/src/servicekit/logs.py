"""Structured logs on stdout: JSON for machines, text on a terminal, never an image's content."""

import asyncio
import logging
import sys
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger

WRITTEN_WITHIN_S = 0.05


def configure_logs(level: str, *, log_format: Literal["auto", "json", "text"]) -> None:
    """Send every log line of the process to stdout in the chosen form."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stdout.isatty())
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if as_text:
        # The default formatter prints the values of variables, images among them.
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
        logger_factory=_Lines(),
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module; their warnings are kept.
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return the logger of one part of the mesh, such as "vision"."""
    logger: FilteringBoundLogger = structlog.get_logger(part=name)
    return logger


class _Lines:
    """Logger that flushes stdout at most 20 times a second: each write releases the GIL.

    Errors, and lines from outside of an event loop, are flushed at once. It is its own factory,
    which structlog requires.
    """

    def __init__(self) -> None:
        self._flushing_in: asyncio.AbstractEventLoop | None = None

    def __call__(self, *_: object) -> "_Lines":
        return self

    def info(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            sys.stdout.flush()
            return
        if self._flushing_in is not loop:
            self._flushing_in = loop
            loop.call_later(WRITTEN_WITHIN_S, self._flush)

    debug = warning = info

    def error(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    critical = exception = error

    def _flush(self) -> None:
        self._flushing_in = None
        sys.stdout.flush()
