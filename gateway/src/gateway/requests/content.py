"""Files that the gateway hosts, and the health of the gateway."""

import msgspec
from attrs import define
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.accounts.keys import KeyStore
from gateway.accounts.rates import RateLimits
from gateway.accounts.storage import Storage
from gateway.backends import Backends
from gateway.database.engine import DatabaseUnavailable
from gateway.hosting.hosted import HostedImages, content_headers
from gateway.hosting.results import ResultStore
from gateway.jobs.engine import JobEngine
from gateway.periodic import PeriodicTasks
from gateway.problems import Problem


class Content:
    """Serves hosted results and the examples that ship with the gateway."""

    def __init__(self, results: ResultStore, hosted: HostedImages) -> None:
        self._results = results
        self._hosted = hosted

    async def result(self, request: Request) -> Response:
        """Answer GET of a result; its name is the secret."""
        result = await self._results.open(request.path_params["name"])
        if result is None:
            raise Problem(404, "not_found", "there is no such result, or it has expired")
        headers = {
            "Cache-Control": f"private, max-age={int(result.seconds_left)}",
            "Content-Disposition": "inline",
            **content_headers(result.media_type),
        }
        return StreamingResponse(result.content, media_type=result.media_type, headers=headers)

    async def example(self, request: Request) -> Response:
        """Answer GET of an example."""
        image = self._hosted.example(request.path_params["name"])
        if image is None:
            raise Problem(404, "not_found", "there is no such example")
        headers = content_headers(image.media_type)
        return Response(image.content, media_type=image.media_type, headers=headers)


@define(eq=False)
class Health:
    """Answers probes of the gateway."""

    _backends: Backends
    _keys: KeyStore
    _tasks: PeriodicTasks
    _storage: Storage
    _engine: JobEngine
    _results: ResultStore
    _rates: RateLimits

    async def live(self, _: Request) -> Response:
        """Answer GET /healthz: the process runs."""
        return _json({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Answer GET /readyz: requests can be checked, and at least one service can be asked.

        One dead service must not take the gateway away from the callers of the others.
        """
        services = await self._backends.health()
        try:
            await self._keys.ping()
        except DatabaseUnavailable as error:
            return _json({"status": error.state, "services": services}, status=503)
        if not await self._rates.is_available():
            return _json({"status": "no rate counters", "services": services}, status=503)
        if "SERVING" not in services.values():
            return _json({"status": "no service", "services": services}, status=503)
        jobs = "unavailable" if self._engine.is_on and not self._engine.is_ready else ""
        results = "" if await self._results.is_available() else "unavailable"
        troubles = {
            "jobs": jobs,
            "results": results,
            "failing": self._tasks.failing,
            "full": self._storage.full(),
        }
        found = {name: trouble for name, trouble in troubles.items() if trouble}
        return _json({"status": "ok", "services": services, **found})


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
