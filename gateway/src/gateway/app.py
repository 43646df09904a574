"""The gateway as an ASGI application."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway.accounts.credits import Credits
from gateway.admin.service import serving_admin
from gateway.authz.port import serving_authz
from gateway.database.clock import Clock
from gateway.database.engine import DatabaseUnavailable
from gateway.edge import HttpEdge, render_http_exception, render_problem
from gateway.hosting.hosted import (
    DOCUMENTS_PATH,
    EXAMPLES_PATH,
    RESULTS_PATH,
    content_headers,
)
from gateway.jobs.answers import JOBS_PATH
from gateway.mesh import Mesh, open_mesh
from gateway.openapi.document import openapi_document
from gateway.openapi.lookups import (
    CAPABILITIES_PATH,
    LANGUAGES_PATH,
    OWN_RESULTS_PATH,
    USAGE_PATH,
    WEBHOOKS_PATH,
)
from gateway.pages import page_routes
from gateway.periodic import PeriodicTasks
from gateway.problems import Problem
from gateway.requests.endpoints import ENDPOINTS, Endpoint
from gateway.requests.handling import BATCH_PATH, Gate
from gateway.requests.lookups import Lookups
from gateway.settings import GatewaySettings
from gateway.tracing import HttpSpans
from servicekit.telemetry import HttpMetrics, PeriodicMetrics
from servicekit.tracing.opening import Traces, open_traces

Answer = Callable[[Request], Awaitable[Response]]
LookUp = Callable[[Lookups, Request], Awaitable[Response]]

_LOOKUPS: Final[Mapping[str, Mapping[str, LookUp]]] = {
    CAPABILITIES_PATH: {"GET": Lookups.capabilities},
    LANGUAGES_PATH: {"GET": Lookups.languages},
    USAGE_PATH: {"GET": Lookups.usage},
    JOBS_PATH + "/{id}": {"GET": Lookups.job, "DELETE": Lookups.cancel_job},
    OWN_RESULTS_PATH + "/{name}": {"DELETE": Lookups.delete_result},
    WEBHOOKS_PATH: {"GET": Lookups.webhook_secret},
}


def build_app(
    settings: GatewaySettings,
    *,
    credit: Credits | None = None,
    clock: Clock | None = None,
    metrics: HttpMetrics | None = None,
) -> Starlette:
    """Return the application; it opens and closes what it holds with its lifespan."""
    metrics = metrics or HttpMetrics()
    tasks = PeriodicTasks(PeriodicMetrics(metrics.registry))
    traces = open_traces("gateway", settings)
    routes = [
        *(Route(endpoint.path, _post(endpoint), methods=["POST"]) for endpoint in ENDPOINTS),
        Route(BATCH_PATH, _batch, methods=["POST"]),
        *(
            Route(path, _look_up(by_method), methods=[*by_method])
            for path, by_method in _LOOKUPS.items()
        ),
        Route(RESULTS_PATH + "/{name}", _result, methods=["GET"]),
        Route(DOCUMENTS_PATH + "/{name}", _result, methods=["GET"]),
        Route(EXAMPLES_PATH + "/{name}", _example, methods=["GET"]),
        Route("/healthz", _healthz, methods=["GET"]),
        Route("/readyz", _readyz, methods=["GET"]),
        Route("/metrics", _metrics_page(metrics), methods=["GET"]),
        Route("/openapi.json", _openapi(settings), methods=["GET"]),
        *page_routes(),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:  # Any: Starlette's state
        try:
            async with (
                open_mesh(settings, credit=credit, clock=clock, traces=traces, tasks=tasks) as mesh,
                serving_admin(mesh),
                serving_authz(mesh),
            ):
                yield {"mesh": mesh, "gate": Gate(mesh), "lookups": Lookups(mesh)}
        finally:
            await traces.close()

    app = Starlette(
        routes=routes,
        middleware=[*_span_makers(traces), Middleware(HttpEdge, metrics=metrics)],
        exception_handlers={Problem: render_problem, HTTPException: render_http_exception},
        lifespan=lifespan,
    )
    # A path with a slash too many is no path of the contract: 404, not a redirect.
    app.router.redirect_slashes = False
    return app


def _span_makers(traces: Traces) -> list[Middleware]:
    return [] if traces.serving is None else [Middleware(HttpSpans, serving=traces.serving)]


def _post(endpoint: Endpoint) -> Answer:
    async def answer(request: Request) -> Response:
        gate: Gate = request.state.gate
        return await gate.post(endpoint, request)

    return answer


async def _batch(request: Request) -> Response:
    gate: Gate = request.state.gate
    return await gate.batch(request)


def _look_up(by_method: Mapping[str, LookUp]) -> Answer:
    async def answer(request: Request) -> Response:
        look_up = by_method.get(request.method) or by_method["GET"]  # HEAD comes with GET
        return await look_up(request.state.lookups, request)

    return answer


async def _result(request: Request) -> Response:
    mesh: Mesh = request.state.mesh
    result = await mesh.results.open(request.path_params["name"])
    if result is None:
        raise Problem(404, "not_found", "there is no such result, or it has expired")
    headers = {
        "Cache-Control": f"private, max-age={int(result.seconds_left)}",
        "Content-Disposition": "inline",
        **content_headers(result.media_type),
    }
    return StreamingResponse(result.content, media_type=result.media_type, headers=headers)


async def _example(request: Request) -> Response:
    mesh: Mesh = request.state.mesh
    image = mesh.hosted.example(request.path_params["name"])
    if image is None:
        raise Problem(404, "not_found", "there is no such example")
    return Response(
        image.content, media_type=image.media_type, headers=content_headers(image.media_type)
    )


async def _healthz(_: Request) -> Response:
    return _json({"status": "ok"})


async def _readyz(request: Request) -> Response:
    """Ready means that keys can be checked and that at least one service can be asked.

    One dead service must not take the gateway away from the callers of the others.
    """
    mesh: Mesh = request.state.mesh
    services = await mesh.backends.health()
    try:
        await mesh.keys.ping()
    except DatabaseUnavailable as error:
        return _json({"status": error.state, "services": services}, status=503)
    if "SERVING" not in services.values():
        return _json({"status": "no service", "services": services}, status=503)
    troubles = {"failing": mesh.tasks.failing, "full": mesh.storage.full()}
    found = {name: trouble for name, trouble in troubles.items() if trouble}
    return _json({"status": "ok", "services": services, **found})


def _metrics_page(metrics: HttpMetrics) -> Answer:
    async def answer(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return answer


def _openapi(settings: GatewaySettings) -> Answer:
    document = msgspec.json.encode(openapi_document(off=settings.endpoints_off))

    async def answer(_: Request) -> Response:
        return Response(document, media_type="application/json")

    return answer


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
