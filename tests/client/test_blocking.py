"""The synchronous client against a real gateway in another thread's loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.endpoints.classify import ClassifyRequest
from imagemesh.client import ApiError, AsyncClient, Client, InvalidInput
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway


def ask_all(url: str, key: str) -> list[object]:
    with Client(url, key=key) as client:
        labels = client.classify(IMAGE, limit=2).result
        typed = client.ask(ClassifyRequest(limit=1), IMAGE)
        with ThreadPoolExecutor(4) as threads:
            scores = list(threads.map(lambda _: client.nudity(IMAGE).result.confidence, range(8)))
        text = client.analyzed_text(text="A text of my own.").result.text.full_text
        queued = client.jobs(status="queued").jobs
        return [len(labels), len(typed.result), len(scores), text, queued]


async def test_methods_wait_for_their_answers(gateway: Gateway) -> None:
    found = await asyncio.to_thread(ask_all, gateway.url, gateway.key)

    assert found == [2, 1, 8, "A text of my own.", []]


async def test_errors_are_those_of_the_other_client(gateway: Gateway) -> None:
    def refused() -> None:
        with Client(gateway.url, key="im_live_wrong") as client:
            client.usage()

    with pytest.raises(ApiError) as raised:
        await asyncio.to_thread(refused)

    assert raised.value.status == 401
    with pytest.raises(InvalidInput):
        Client("ftp://a")


def test_it_has_the_methods_of_the_other_client() -> None:
    assert set(dir(Client())) >= {name for name in dir(AsyncClient()) if name[0] != "_"}
    with pytest.raises(AttributeError, match="'sharpness'"):
        Client().sharpness()
    with pytest.raises(RuntimeError, match="with Client"):
        Client().languages()
