"""Start the gateway, python -m gateway, or a worker of its jobs, python -m gateway worker."""

import argparse
import os
import signal
import sys
from contextlib import ExitStack, suppress
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from gateway.app import build_app
from gateway.connections.server import server_config
from gateway.settings import PRIVATE, GatewaySettings
from servicekit.logs import configure_logs
from servicekit.memory import spare_loaded_objects
from servicekit.settings import load_settings
from servicekit.telemetry import HttpMetrics


class _Server(uvicorn.Server):
    """Server that tells when it is to end, before it drains."""

    def __init__(self, config: uvicorn.Config, leaving: ExitStack) -> None:
        super().__init__(config)
        self._leaving = leaving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take no more jobs, and drain."""
        self._leaving.close()
        super().handle_exit(sig, frame)


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("role", nargs="?", choices=["worker"], help="work on jobs alone")
    is_worker = parser.parse_args().role == "worker"
    os.umask(PRIVATE)
    settings = load_settings(GatewaySettings)
    # uvicorn drains on SIGTERM and then raises it again; a clean stop shall end with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logs(settings.log_level, log_format=settings.log_format)
    metrics = HttpMetrics()
    leaving = ExitStack()
    app = build_app(settings, metrics=metrics, leaving=leaving, is_worker=is_worker)
    spare_loaded_objects()
    server = _Server(server_config(app, settings, metrics), leaving)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
