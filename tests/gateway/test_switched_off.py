"""Endpoints that whoever runs the mesh has switched off."""

from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, gateway_settings, running

OFF = "emotions, nudity"


@pytest.fixture(scope="module")
async def careful(
    addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("careful")
    async with running(gateway_settings(folder, endpoints_off=OFF, **addresses)) as found:
        yield found


async def test_endpoint_that_is_off_is_403_and_the_others_answer(careful: Gateway) -> None:
    refused = await careful.look("emotions")
    answered = await careful.look("classify")

    assert refused.refusal == (403, "endpoint_off")
    assert "has switched emotions off" in refused.json["error"]["message"]
    assert answered.status == 200


async def test_nothing_is_fetched_for_it(careful: Gateway) -> None:
    async with listening(image_answer(IMAGE)) as origin:
        await careful.post("nudity", {"url": origin.url()})

        assert origin.connections == 0


async def test_batch_holds_to_it_item_by_item(careful: Gateway) -> None:
    async with listening(image_answer(IMAGE)) as origin:
        items = [{"endpoint": name, "url": origin.url()} for name in ("emotions", "classify")]
        reply = await careful.post("batch", {"requests": items})

    assert [item["status"] for item in reply.json["result"]] == [403, 200]


async def test_reference_leaves_it_out(careful: Gateway) -> None:
    paths = (await careful.get("/openapi.json")).json["paths"]

    assert "/api/v1/classify" in paths
    assert not {"/api/v1/emotions", "/api/v1/nudity"} & set(paths)


async def test_wrong_key_hears_nothing_of_it(careful: Gateway) -> None:
    reply = await careful.post("emotions", {}, x_api_key="im_live_wrong")

    assert reply.refusal == (401, "invalid_api_key")


def test_unknown_endpoint_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="'feelings' is no endpoint; known are colorize"):
        GatewaySettings(endpoints_off="feelings")  # type: ignore[arg-type]  # as the environment
