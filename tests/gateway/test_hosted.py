"""Hosted files can be sent to the endpoints, and are read without the network."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.gateway.running import Gateway, Hands, Start, gateway_settings, running
from tests.gateway.services import COLORED
from tests.gateway.stage import Stage
from tests.gateway.uploads import base64

EXAMPLE = "/content/examples/letter.png"


@pytest.fixture
async def offline(addresses: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    """Return a gateway that may fetch nothing on loopback, itself included."""
    async with running(gateway_settings(tmp_path, **addresses, fetch_allow="")) as found:
        yield found


@pytest.mark.parametrize("name", ["x.png", "..", "__init__.py", "..%2fapp.py", ""])
async def test_unknown_example_is_404(gateway: Gateway, name: str) -> None:
    reply = await gateway.send("GET", f"/content/examples/{name}")

    assert reply.refusal == (404, "not_found")


async def test_example_is_read_without_the_network(offline: Gateway, stage: Stage) -> None:
    reply = await offline.post("ocr", {"url": offline.url + EXAMPLE})

    assert reply.status == 200
    assert reply.json["result"]["url"] == offline.url + EXAMPLE
    assert stage.calls[-1].request.image.startswith(b"\x89PNG")


async def test_result_is_read_without_the_network_until_it_expires(
    start: Start, stage: Stage, clock: Hands
) -> None:
    async with start(fetch_allow="", result_days=1, clock=clock) as gateway:
        url = gateway.url + EXAMPLE
        names = []
        for _ in range(5):
            made = await gateway.post("colorize", {"url": url})
            url = str(made.json["result"]["colorized"])
            names.append(url.rpartition("/")[2])
        reply = await gateway.post("classify", {"url": url})
        asked = stage.calls[-1].request
        clock.now += timedelta(days=1)
        gone = await gateway.post("classify", {"url": url})

    assert names[0].endswith("-letter.jpeg")
    assert max(map(len, names)) <= 32 + 1 + 60 + len(".jpeg")
    assert (reply.status, asked.image) == (200, COLORED)
    assert gone.refusal == (400, "forbidden_url")


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/content/examples/x.png", "/content/colorized/x.jpeg", EXAMPLE + "?a"],
)
async def test_other_path_of_the_gateway_is_judged_like_any_url(
    offline: Gateway, path: str
) -> None:
    reply = await offline.post("classify", {"url": offline.url + path})

    assert reply.refusal == (400, "forbidden_url")


async def test_public_url_begins_the_urls_of_results_and_is_read_without_the_network(
    start: Start,
) -> None:
    async with start(fetch_allow="", public_url="https://images.example.org/mesh/") as gateway:
        reply = await gateway.post("colorize", {"url": "https://images.example.org/mesh" + EXAMPLE})
        url = reply.json["result"]["colorized"]
        again = await gateway.post("classify", {"url": url})
        path = url.removeprefix("https://images.example.org/mesh")
        served = await gateway.send("GET", path)

    assert url.startswith("https://images.example.org/mesh/content/colorized/")
    assert again.status == 200
    assert served.body == COLORED


async def test_result_is_named_by_a_host_that_is_allowed(start: Start) -> None:
    begins = {
        "mesh.example:8080": "http://mesh.example:8080/content/",
        "localhost:9": "http://localhost:9/content/",
        "192.0.2.7": "http://192.0.2.7/content/",
        "evil.example": "http://127.0.0.1:",
        "mesh.example:evil": "http://127.0.0.1:",
    }
    async with start(allowed_hosts="mesh.example") as gateway:
        for host, begin in begins.items():
            reply = await gateway.post("colorize", {"image": base64()}, Host=host)

            assert reply.json["result"]["colorized"].startswith(begin)
