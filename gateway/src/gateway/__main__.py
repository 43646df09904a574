"""Start the gateway: python -m gateway."""

import os
import signal
import sys
from contextlib import suppress

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from gateway.app import build_app
from gateway.connections.server import server_config
from gateway.settings import PRIVATE, GatewaySettings
from servicekit.logs import configure_logs
from servicekit.memory import spare_loaded_objects
from servicekit.settings import load_settings
from servicekit.telemetry import HttpMetrics


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight."""
    os.umask(PRIVATE)
    settings = load_settings(GatewaySettings)
    # uvicorn drains on SIGTERM and then raises it again; a clean stop shall end with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logs(settings.log_level, log_format=settings.log_format)
    metrics = HttpMetrics()
    app = build_app(settings, metrics=metrics)
    spare_loaded_objects()
    server = uvicorn.Server(server_config(app, settings, metrics))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
