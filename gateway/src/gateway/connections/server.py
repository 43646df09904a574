"""uvicorn's configuration for the gateway."""

from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.connections.limits import ConnectionLimits, OpenConnections, fit_descriptors
from gateway.connections.protocol import limited_protocol
from gateway.database.engine import DatabaseUnavailable
from gateway.settings import GatewaySettings
from servicekit.telemetry import HttpMetrics

# Longer than callers and load balancers keep an idle connection (60 s is the most common), so that
# they close it and not the gateway, at the moment when they send the next request on it.
_KEEP_ALIVE_S: Final = 75


def server_config(app: ASGIApp, settings: GatewaySettings, metrics: HttpMetrics) -> uvicorn.Config:
    """Return what uvicorn needs to serve `app`."""
    total = fit_descriptors(settings.max_connections)
    # No address alone may take all, whatever the settings say.
    per_address = min(settings.max_connections_per_address, max(1, total // 2))
    limits = ConnectionLimits(total=total, per_address=per_address)
    return uvicorn.Config(
        _in_one_line(app),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=limited_protocol(OpenConnections(limits, metrics)),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(settings.drain_s),
    )


def _in_one_line(app: ASGIApp) -> ASGIApp:
    """Return the application with one line for a database that cannot be used at the start.

    Starlette sends the whole traceback, which tells an operator nothing more.
    """

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            lines = message.get("message", "").splitlines()
            if lines and DatabaseUnavailable.__name__ in lines[-1]:
                message["message"] = "the database cannot be used; the line above says why"
            await send(message)

        await app(scope, receive, tell if scope["type"] == "lifespan" else send)

    return outer
