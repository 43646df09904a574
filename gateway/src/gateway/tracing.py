"""The span of every HTTP request, where there are traces."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.edge import CLIENT_GONE, route_of
from servicekit.telemetry import SPAN_HTTP_METHOD, SPAN_HTTP_ROUTE, SPAN_HTTP_STATUS
from servicekit.tracing.opening import Serving

# Asked every few seconds by machines; nobody looks for their traces.
PLUMBING: Final = frozenset({"/healthz", "/readyz", "/metrics"})

_SERVER_FAULT = 500  # and more; less is the caller's fault, by OpenTelemetry's conventions


class HttpSpans:
    """Wrap the edge, so that its log lines have the id of the trace.

    Args:
        app: what answers.
        serving: makes spans.
    """

    def __init__(self, app: ASGIApp, *, serving: Serving) -> None:
        self._app = app
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] in PLUMBING:
            await self._app(scope, receive, send)
            return
        status = CLIENT_GONE  # unless an answer begins: the edge has one for all else

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"]
        with self._serving(method, Headers(scope=scope).get("traceparent")) as trace:
            try:
                await self._app(scope, receive, send_seen)
            finally:
                route = route_of(scope)
                trace.describe(
                    f"{method} {route}",
                    {SPAN_HTTP_METHOD: method, SPAN_HTTP_ROUTE: route, SPAN_HTTP_STATUS: status},
                    has_failed=status >= _SERVER_FAULT,
                )
