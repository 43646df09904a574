"""The edge of every HTTP request: its id, its error shape, its log line and its metrics."""

import re
import secrets
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from time import monotonic

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import ErrorAnswer, ErrorBody
from gateway.database.engine import DatabaseUnavailable
from gateway.input.bodies import CLOSE, drain
from gateway.input.credentials import CHALLENGE
from gateway.problems import PASSING, Problem
from gateway.responses import json_response
from servicekit.logs import get_logger
from servicekit.telemetry import HttpMetrics

_INTERNAL = "internal"  # code of a fault of the gateway
CLIENT_GONE = 499  # nginx's word for a caller that hung up; only logs and metrics see it

# A request id that a caller may choose: what a log line and a header can hold safely.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# What checks leave in the state of a request for its log line.
_TOLD = ("account", "key_id", "code")

# Asked every few seconds by machines, or loaded beside every page.
_PLUMBING = frozenset({"/healthz", "/readyz", "/metrics", "/static/{name}"})

RawHeader = tuple[bytes, bytes]

_log = get_logger("http")


class HttpEdge:
    """Wrap the whole application.

    Args:
        app: what answers.
        metrics: where counts and times go.
    """

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = monotonic()
        if scope["path"] != "/":
            scope["path"] = scope["path"].removesuffix("/")  # clients that join URLs add one
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = {**scope["state"].get("answer_headers", {}), "x-request-id": request_id}
                message["headers"] = _with_headers(message["headers"], added)
            await send(message)

        self._metrics.http_in_flight.inc()
        try:
            await self._app(scope, receive, send_marked)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception:  # noqa: BLE001 - the edge: no stack may leave the process
            _log.exception("request failed", route=route_of(scope))
            scope["state"]["code"] = _INTERNAL
            if status == 0:
                await _internal(request_id)(scope, receive, send_marked)
        finally:
            self._metrics.http_in_flight.dec()
            self._record(scope, status, seconds=monotonic() - started_s)

    def _record(self, scope: Scope, status: int, *, seconds: float) -> None:
        route = route_of(scope)
        self._metrics.http_seconds.labels(route, str(status)).observe(seconds)
        told = {name: scope["state"][name] for name in _TOLD if name in scope["state"]}
        log = _log.debug if route in _PLUMBING else _log.info
        log(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            seconds=round(seconds, 4),
            **told,
        )


def _with_headers(headers: Iterable[RawHeader], added: Mapping[str, str]) -> list[RawHeader]:
    """Return an answer's headers with others in the place of those of the same names."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in added.items()]
    names = {name for name, _ in raw}
    return [*(header for header in headers if header[0].lower() not in names), *raw]


def route_of(scope: Scope) -> str:
    """Return the path as its route has it, so that nothing that is kept holds a result's name."""
    route = scope.get("route")
    return str(route.path) if isinstance(route, Route) else "other"


async def render_problem(request: Request, problem: Exception) -> Response:
    """Return a Problem as the one error shape."""
    if not isinstance(problem, Problem):
        raise problem
    if isinstance(problem, DatabaseUnavailable):
        _log.warning("database away", reason=problem.reason)
    return await _refusal(request, problem.status, problem.code, str(problem), problem.headers)


async def render_http_exception(request: Request, error: Exception) -> Response:
    """Return Starlette's own 404 and 405 as the one error shape."""
    if not isinstance(error, HTTPException):
        raise error
    code = HTTPStatus(error.status_code).name.lower()
    message = f"{request.method} {request.url.path[:100]}: {HTTPStatus(error.status_code).phrase}"
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"the method {request.method} is not allowed; use {headers.get('Allow', 'POST')}"
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = "there is nothing at this path; GET /openapi.json lists what there is"
    return await _refusal(request, error.status_code, code, message, headers)


async def _refusal(
    request: Request, status: int, code: str, message: str, headers: dict[str, str]
) -> Response:
    """Return an error once the caller has sent what it has to send, or for long enough."""
    request.state.code = code
    if "Connection" not in headers and not await drain(request):
        headers = {**headers, **CLOSE}
    return _error(status, code, message, request_id=request.state.request_id, headers=headers)


def _internal(request_id: str) -> Response:
    message = "the gateway failed; report the request id"
    return _error(500, _INTERNAL, message, request_id=request_id, headers={})


def _error(
    status: int, code: str, message: str, *, request_id: str, headers: dict[str, str]
) -> Response:
    body = ErrorAnswer(ErrorBody(code, message, request_id))
    retry = {"Retry-After": "1"} if code in PASSING else {}
    challenge = CHALLENGE if status == HTTPStatus.UNAUTHORIZED else {}
    return json_response(body, status=status, headers={**retry, **challenge, **headers})


def _request_id(scope: Scope) -> str:
    sent = Headers(scope=scope).get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)
