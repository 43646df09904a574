"""The gateway as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.cors import cors_middleware
from gateway.database.clock import Clock
from gateway.database.engine import DatabaseUnavailable
from gateway.edge import HttpEdge, render_http_exception, render_problem
from gateway.openapi.document import openapi_document
from gateway.pages import page_routes
from gateway.periodic import PeriodicTasks
from gateway.problems import Problem
from gateway.resources import Process
from gateway.settings import GatewaySettings
from gateway.tracing import HttpSpans
from gateway.wiring import open_routes
from servicekit.logs import get_logger
from servicekit.telemetry import HttpMetrics, JobMetrics, PeriodicMetrics
from servicekit.tracing.opening import Traces, open_traces

_log = get_logger("gateway")


def build_app(
    settings: GatewaySettings,
    *,
    clock: Clock | None = None,
    metrics: HttpMetrics | None = None,
    leaving: ExitStack | None = None,
    is_worker: bool = False,
) -> Starlette:
    """Return the application; it opens and closes its resources with its lifespan.

    Args:
        settings: of the process.
        clock: gives the time now; the database's when left out.
        metrics: of the process.
        leaving: its callbacks run when the process is told to end.
        is_worker: it works on jobs, and answers probes alone.
    """
    metrics = metrics or HttpMetrics()
    tasks = PeriodicTasks(PeriodicMetrics(metrics.registry))
    traces = open_traces("gateway", settings)
    process = Process(
        traces=traces,
        tasks=tasks,
        metrics=JobMetrics(metrics.registry),
        leaving=leaving or ExitStack(),
        is_worker=is_worker,
    )
    document = msgspec.json.encode(openapi_document(off=settings.endpoints_off))

    pages = page_routes(settings.endpoints_off, public_url=settings.public_url)

    async def metrics_page(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def openapi(_: Request) -> Response:
        return Response(document, media_type="application/json")

    app = Starlette(
        routes=[
            Route("/metrics", metrics_page, methods=["GET"]),
            *([] if is_worker else [Route("/openapi.json", openapi), *pages]),
        ],
        middleware=_middleware(settings, traces, metrics),
        exception_handlers={Problem: render_problem, HTTPException: render_http_exception},
        lifespan=lambda app: _opened(app, open_routes(settings, process, clock=clock), traces),
    )
    app.router.redirect_slashes = False  # a POST would lose its body; the edge drops the slash
    return app


@asynccontextmanager
async def _opened(
    app: Starlette, opening: AbstractAsyncContextManager[list[BaseRoute]], traces: Traces
) -> AsyncIterator[None]:
    """Add the routes to the application, and close what they use at the end."""
    try:
        async with opening as routes:
            app.router.routes.extend(routes)
            yield
    except DatabaseUnavailable as error:
        _log.error("database unusable", state=error.state, reason=error.reason)
        raise
    finally:
        await traces.close()


def _middleware(
    settings: GatewaySettings, traces: Traces, metrics: HttpMetrics
) -> list[Middleware]:
    """Return what is around the routes, outermost first."""
    return [
        *([] if traces.serving is None else [Middleware(HttpSpans, serving=traces.serving)]),
        *cors_middleware(settings.cors_origins),  # around the edge: a page reads every error
        Middleware(HttpEdge, metrics=metrics),
    ]
