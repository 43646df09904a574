"""Health probe of container runtimes."""

import asyncio
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from servicekit.probe import is_healthy
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from tests.servicekit.echo import Echo


@pytest.mark.parametrize("is_well", [True, False])
async def test_probe_tells_the_health_of_a_grpc_server(is_well: bool) -> None:  # noqa: FBT001 - a parameter of the test
    service = Echo().service()
    service.health.report("model", is_well=is_well)

    async with serving(service, ServiceSettings(port=0, metrics_port=0)) as port:
        found = await asyncio.to_thread(is_healthy, f"127.0.0.1:{port}")

    gone = await asyncio.to_thread(is_healthy, f"127.0.0.1:{port}")
    assert (found, gone) == (is_well, False)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_probe_tells_the_health_of_an_http_server() -> None:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"

        found = [is_healthy(f"{url}{path}") for path in ("/healthz", "/broken")]

        server.shutdown()
    assert found == [True, False]
    assert not is_healthy(url)
