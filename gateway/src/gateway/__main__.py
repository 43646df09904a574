"""Start the gateway: python -m gateway."""

import signal
import sys

import uvicorn

from gateway.app import build_app
from gateway.settings import GatewaySettings
from servicekit.logs import configure_logs
from servicekit.memory import spare_loaded_objects
from servicekit.settings import load_settings

# Longer than callers and load balancers keep an idle connection (60 s is the most common), so that
# they close it and not the gateway, at the moment when they send the next request on it.
_KEEP_ALIVE_S = 75


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight."""
    settings = load_settings(GatewaySettings)
    # uvicorn drains on SIGTERM and then raises it again; a clean stop shall end with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logs(settings.log_level, log_format=settings.log_format)
    app = build_app(settings)
    spare_loaded_objects()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(settings.drain_s),
    )


if __name__ == "__main__":
    main()
