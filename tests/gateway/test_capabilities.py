"""Capabilities of the mesh, as the gateway lists them."""

from contract.table import ENDPOINT_NAMES
from tests.gateway.running import Gateway, Start

AWAY = "127.0.0.1:1"


async def test_models_endpoints_and_languages_are_listed(gateway: Gateway) -> None:
    reply = await gateway.get("/api/v1/capabilities")

    result = reply.json["result"]
    assert reply.status == 200
    assert [found["endpoint"] for found in result["endpoints"]] == list(ENDPOINT_NAMES)
    assert result["models"][0] == {
        "name": "by-hand",
        "version": "1.2.3",
        "task": "colorize",
        "profile": "embedded",
        "device": "cpu",
        "provider": "hand",
        "licence": "Apache-2.0",
        "source": "written by hand",
        "card": "README.md",
    }
    assert [language["code"] for language in result["languages"]] == ["eng", "tir"]
    assert result["away"] == []


async def test_endpoint_names_the_models_that_answer_it(gateway: Gateway) -> None:
    result = (await gateway.get("/api/v1/capabilities")).json["result"]
    models = {found["endpoint"]: found["models"] for found in result["endpoints"]}

    assert [found["device"] for found in result["models"] if found["name"] == "better"] == [None]
    assert (models["classify"], models["ocr"]) == (["by-hand"], ["by-hand"])
    assert models["nudity"] == []  # no model of that task is in use


async def test_switched_off_and_prices_are_told(start: Start) -> None:
    async with start(endpoints_off="emotions", prices="ocr=3") as gateway:
        result = (await gateway.get("/api/v1/capabilities")).json["result"]

    prices = {found["endpoint"]: found["price"] for found in result["endpoints"]}
    assert "emotions" not in prices
    assert (prices["ocr"], prices["classify"]) == (3, 1)


async def test_service_that_is_away_is_named(start: Start, addresses: dict[str, str]) -> None:
    async with start(**{**addresses, "ocr_address": AWAY}) as gateway:
        reply = await gateway.get("/api/v1/capabilities")

    result = reply.json["result"]
    assert reply.status == 200
    assert (result["away"], result["languages"]) == (["ocr"], [])
    assert {found["task"] for found in result["models"]} == {"colorize", "classify"}
