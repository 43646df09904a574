"""Hosted files can be sent to the endpoints, and are read without the network."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.clocks import Hands
from tests.gateway.running import Gateway, Reply, Start, gateway_settings, running
from tests.gateway.services import COLORED
from tests.gateway.stage import Stage
from tests.gateway.uploads import base64

EXAMPLE = "/content/examples/letter.png"


@pytest.fixture
async def offline(addresses: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    """Return a gateway that may fetch nothing on loopback, itself included."""
    async with running(gateway_settings(tmp_path, **addresses, fetch_allow="")) as found:
        yield found


async def test_example_is_served(gateway: Gateway) -> None:
    reply = await gateway.send("GET", EXAMPLE)

    assert (reply.status, reply.headers["Content-Type"]) == (200, "image/png")
    assert reply.body.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["x.png", "..", "__init__.py", "..%2fapp.py", ""])
async def test_unknown_example_is_404(gateway: Gateway, name: str) -> None:
    reply = await gateway.send("GET", f"/content/examples/{name}")

    assert reply.refusal == (404, "not_found")


async def test_example_is_read_without_the_network(offline: Gateway, stage: Stage) -> None:
    reply = await offline.post("ocr", {"url": offline.url + EXAMPLE})

    assert reply.status == 200
    assert reply.json["result"]["url"] == offline.url + EXAMPLE
    assert stage.calls[-1].request.image.startswith(b"\x89PNG")


async def color_example(gateway: Gateway) -> str:
    reply = await gateway.post("colorize", {"url": gateway.url + EXAMPLE})
    return str(reply.json["result"]["colorized"])


async def test_result_is_read_without_the_network(offline: Gateway, stage: Stage) -> None:
    url = await color_example(offline)

    reply = await offline.post("classify", {"url": url})

    assert reply.status == 200
    assert stage.calls[-1].request.image == COLORED


async def test_result_of_a_result_keeps_the_name_short(offline: Gateway) -> None:
    url = await color_example(offline)
    for _ in range(5):
        reply = await offline.post("colorize", {"url": url})
        url = str(reply.json["result"]["colorized"])

    assert len(url.rpartition("/")[2]) <= 32 + 1 + 60 + len(".jpeg")


async def test_example_keeps_its_name_in_the_result(offline: Gateway) -> None:
    assert (await color_example(offline)).endswith("-letter.jpeg")


async def refused(gateway: Gateway, url: str) -> Reply:
    reply = await gateway.post("classify", {"url": url})
    assert reply.status == 400
    return reply


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/content/examples/x.png", "/content/colorized/x.jpeg", EXAMPLE + "?a"],
)
async def test_other_path_of_the_gateway_is_judged_like_any_url(
    offline: Gateway, path: str
) -> None:
    reply = await refused(offline, offline.url + path)

    assert reply.refusal == (400, "forbidden_url")


@pytest.mark.parametrize("url", [EXAMPLE, "x" + EXAMPLE, "http://" + EXAMPLE])
async def test_path_alone_is_no_url(offline: Gateway, url: str) -> None:
    assert (await refused(offline, url)).refusal == (400, "invalid_url")


async def test_expired_result_is_not_read(start: Start) -> None:
    clock = Hands()
    async with start(fetch_allow="", result_days=1, clock=clock) as gateway:
        url = await color_example(gateway)
        clock.now = clock.now.replace(day=2)
        reply = await gateway.post("classify", {"url": url})

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


@pytest.mark.parametrize(
    ("host", "begins"),
    [
        ("mesh.example:8080", "http://mesh.example:8080/content/"),
        ("localhost:9", "http://localhost:9/content/"),
        ("192.0.2.7", "http://192.0.2.7/content/"),
        ("evil.example", "http://127.0.0.1:"),
        ("mesh.example:evil", "http://127.0.0.1:"),
    ],
)
async def test_result_is_named_by_a_host_that_is_allowed(
    start: Start, host: str, begins: str
) -> None:
    async with start(allowed_hosts="mesh.example") as gateway:
        reply = await gateway.post("colorize", {"image": base64()}, Host=host)

    assert reply.json["result"]["colorized"].startswith(begins)
