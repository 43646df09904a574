"""Services that go and come back, and what the health pages say of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contract.table import ENDPOINT_NAMES
from servicekit.server import serving
from tests.gateway.running import Gateway, Start, create_key
from tests.gateway.services import service_settings, services_of, serving_all
from tests.gateway.stage import Stage

ENOUGH_S = 20  # the channel tries again every second
NOBODY = "127.0.0.1:1"  # a reserved port: refused at once
NO_SERVICE = {"colorize_address": NOBODY, "ocr_address": NOBODY, "vision_address": NOBODY}


@asynccontextmanager
async def vision(port: int = 0) -> AsyncIterator[int]:
    """Serve vision alone and yield its port."""
    settings = service_settings(port=port)
    async with serving(services_of(Stage())["vision"], settings) as bound:
        yield bound


async def until_answered(gateway: Gateway) -> None:
    async with asyncio.timeout(ENOUGH_S):
        while (await gateway.look("classify")).status != 200:
            pass


async def test_dead_service_is_503_for_its_endpoints_alone_and_comes_back(
    start: Start, addresses: dict[str, str]
) -> None:
    async with vision() as port:
        pass
    async with start(**{**addresses, "vision_address": f"127.0.0.1:{port}"}) as gateway:
        async with vision(port):
            await until_answered(gateway)

        dead = await gateway.look("classify")
        alive = await gateway.look("ocr")
        async with vision(port):
            await until_answered(gateway)

    assert dead.refusal == (503, "unavailable")
    assert dead.headers["Retry-After"] == "1"
    assert alive.status == 200
    assert b"127.0.0.1" not in dead.body


async def test_gateway_without_any_service_is_live_and_not_ready_and_answers_503(
    start: Start,
) -> None:
    async with start(**NO_SERVICE) as gateway:
        live = await gateway.send("GET", "/healthz")
        ready = await gateway.send("GET", "/readyz")
        endpoints = set(ENDPOINT_NAMES) - {"analyzed-text"}
        replies = [await gateway.look(endpoint) for endpoint in endpoints]
        replies.append(await gateway.get("/api/v1/languages"))

    assert (live.status, live.json) == (200, {"status": "ok"})
    assert (ready.status, ready.json["status"]) == (503, "no service")
    assert {reply.refusal for reply in replies} == {(503, "unavailable")}


async def test_service_that_stops_in_the_middle_of_a_call_is_503(start: Start) -> None:
    stage = Stage()
    async with serving_all(stage) as addresses:
        context = serving(services_of(stage)["vision"], service_settings())
        port = await context.__aenter__()
        changed = {**addresses, "vision_address": f"127.0.0.1:{port}"}
        async with start(**changed) as gateway:
            reply = asyncio.create_task(gateway.look("classify", b"wait"))
            await stage.waiting.wait()
            await context.__aexit__(None, None, None)

            assert (await reply).refusal == (503, "unavailable")


async def test_address_of_another_service_is_500_without_its_words(
    start: Start, addresses: dict[str, str]
) -> None:
    async with start(**{**addresses, "vision_address": addresses["ocr_address"]}) as gateway:
        reply = await gateway.look("classify")

    assert reply.refusal == (500, "internal")
    assert reply.json["error"]["message"] == "the service failed; report the request id"


async def test_ready_gateway_names_its_services(gateway: Gateway) -> None:
    reply = await gateway.send("GET", "/readyz")

    serving_names = {"colorize": "SERVING", "ocr": "SERVING", "vision": "SERVING"}
    assert (reply.status, reply.json) == (200, {"status": "ok", "services": serving_names})


async def test_one_dead_service_leaves_the_gateway_ready(
    start: Start, addresses: dict[str, str]
) -> None:
    async with start(**{**addresses, "ocr_address": NOBODY}) as gateway:
        reply = await gateway.send("GET", "/readyz")

    assert reply.status == 200
    assert reply.json["services"]["ocr"] == "UNREACHABLE"


async def test_services_tell_accounts_apart_without_their_names(
    gateway: Gateway, stage: Stage
) -> None:
    """They share a model fairly between callers, so that nobody's thousand requests stop others."""
    other = await create_key(gateway.settings, account="Zoë")
    callers = []
    for key in (gateway.key, gateway.key, other):
        reply = await gateway.post("analyzed-text", {"text": "hello"}, x_api_key=key)
        assert reply.status == 200
        callers.append(stage.calls[-1].caller)

    assert callers[0] == callers[1] != callers[2]
    assert "Zo" not in callers[2]
