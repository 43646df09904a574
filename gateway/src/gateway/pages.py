"""Pages for people: the endpoints to try, their reference by Scalar, and the errors.

They load nothing from other hosts.
"""

import gzip
import importlib.util
import mimetypes
from collections.abc import Collection, Sequence
from functools import cache, lru_cache
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contract.endpoint import Endpoint
from contract.table import ENDPOINTS
from gateway.catalogue import render_catalogue
from gateway.problems import Problem

STATIC_PATH: Final = "/static"
TRY_PAGE: Final = "index.html"
ERRORS_PAGE: Final = "errors.html"

# Scripts and styles are files of this gateway; images may also be the reader's own file.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}

# The package carries Scalar as one script; the package itself is never imported.
_PACKAGE: Final = "flask_openapi_scalar"

_SCRIPT: Final = "templates/scalar/js/scalar.standalone.js"

# Scalar writes its styles into the page. Scripts, fonts and requests stay those of this gateway.
_POLICY: Final = CONTENT_SECURITY_POLICY.replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)

_SCRIPT_AGE: Final = "public, max-age=86400"  # of 4.9 MB that change with a release alone


def page_routes(off: Collection[str] = (), *, public_url: str = "") -> list[Route]:
    """Return the routes of `/`, `/docs`, `/docs/errors` and the files that all pages load.

    Args:
        off: names of the endpoints that `/` does not offer.
        public_url: of the gateway in the programs of `/`; its own address where it is empty.
    """
    files = static_files()
    offered = [endpoint for endpoint in ENDPOINTS if endpoint.name not in off]
    files[TRY_PAGE] = render_page(files[TRY_PAGE].decode(), offered, public_url).encode()
    files[ERRORS_PAGE] = render_catalogue(files[ERRORS_PAGE].decode()).encode()

    async def page(request: Request) -> Response:
        return _file(request, files, TRY_PAGE)

    async def reference(_: Request) -> Response:
        headers = {**PAGE_HEADERS, "Content-Security-Policy": _POLICY}
        return Response(files["docs.html"], media_type="text/html", headers=headers)

    async def errors(request: Request) -> Response:
        return _file(request, files, ERRORS_PAGE)

    async def static(request: Request) -> Response:
        return _file(request, files, request.path_params["name"])

    return [
        Route("/", page, methods=["GET"]),
        Route("/docs", reference, methods=["GET"]),
        Route("/docs/errors", errors, methods=["GET"]),
        Route(STATIC_PATH + "/scalar.js", _script, methods=["GET"]),
        Route(STATIC_PATH + "/{name}", static, methods=["GET"]),
    ]


def render_page(page: str, endpoints: Sequence[Endpoint], public_url: str) -> str:
    """Return the page with its address, and a tab for each of the endpoints that it shows.

    The page knows of an endpoint what stands in the attributes of its tab.
    """
    tabs = "\n".join(filter(None, map(_tab, endpoints)))
    return Template(page).substitute(tabs=tabs, public_url=escape(public_url.rstrip("/")))


def _tab(endpoint: Endpoint) -> str:
    page = endpoint.page
    if page is None:
        return ""
    data = {
        "view": page.answer,
        "sample": page.sample,
        "fields": " ".join(page.fields),
        "summary": endpoint.summary,
        "documents": "yes" if endpoint.takes_documents else "",
    }
    attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in data.items())
    return (
        f'<button type="button" role="tab" id="tab-{endpoint.name}" value="{endpoint.name}" '
        f'aria-controls="panel" aria-selected="false" {attributes}>{escape(page.label)}</button>'
    )


def static_files() -> dict[str, bytes]:
    """Return the gateway's own files by name."""
    folder = resources.files("gateway") / "static"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def _file(request: Request, files: dict[str, bytes], name: str) -> Response:
    if name not in files:
        raise Problem(404, "not_found", "there is no such file")
    media_type, _ = mimetypes.guess_type(name)
    headers = dict(PAGE_HEADERS)
    content = files[name]
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        content = _compressed(content)
    return Response(content, media_type=media_type, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Tell whether a caller can unpack gzip."""
    return "gzip" in request.headers.get("Accept-Encoding", "")


@lru_cache(maxsize=64)  # more than there are files
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content)


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
