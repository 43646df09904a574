"""Reference of the REST API at `/docs`: Scalar over this gateway's own OpenAPI document."""

import gzip
import importlib.util
from functools import cache
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.pages import (
    CONTENT_SECURITY_POLICY,
    PAGE_HEADERS,
    STATIC_PATH,
    static_files,
    takes_gzip,
)

# The package carries Scalar as one script; the package itself is never imported.
_PACKAGE: Final = "flask_openapi_scalar"
_SCRIPT: Final = "templates/scalar/js/scalar.standalone.js"

# Scalar writes its styles into the page. Scripts, fonts and requests stay those of this gateway.
_POLICY: Final = CONTENT_SECURITY_POLICY.replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)
_SCRIPT_AGE: Final = "public, max-age=86400"  # of 4.9 MB that change with a release alone


def reference_routes() -> list[Route]:
    """Return the routes of `/docs` and of Scalar's script."""
    page = static_files()["docs.html"]

    async def reference(_: Request) -> Response:
        headers = {**PAGE_HEADERS, "Content-Security-Policy": _POLICY}
        return Response(page, media_type="text/html", headers=headers)

    return [
        Route("/docs", reference, methods=["GET"]),
        Route(STATIC_PATH + "/scalar.js", _script, methods=["GET"]),
    ]


async def _script(request: Request) -> Response:
    script = await run_in_threadpool(_compressed_script)
    headers = {**PAGE_HEADERS, "Cache-Control": _SCRIPT_AGE}
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
    else:
        script = await run_in_threadpool(gzip.decompress, script)
    return Response(script, media_type="text/javascript", headers=headers)


@cache
def _compressed_script() -> bytes:
    """Return Scalar, which is read when somebody opens the reference for the first time."""
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None and spec.submodule_search_locations  # noqa: PT018, S101 - a dependency
    return gzip.compress((Path(spec.submodule_search_locations[0]) / _SCRIPT).read_bytes())
