"""Every endpoint gives the same typed answer over REST and over gRPC."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imagemesh.client import Client, InvalidInput
from imagemesh.client.answers import Answer, Language
from imagemesh.client.images import Source
from servicekit.limits import MAX_IMAGE_BYTES
from tests.gateway.origin import PICTURE, listening, picture
from tests.gateway.running import Gateway
from tests.gateway.services import COLOURED
from tests.gateway.uploads import form_of, upload

Method = Callable[..., Awaitable[Answer[Any]]]  # Any: each endpoint has its own result


@dataclass(frozen=True, slots=True)
class Case:
    """A question to both: the endpoint, the service behind it, and what is asked of a picture."""

    endpoint: str
    service: str
    method: Method
    fields: dict[str, Any]  # Any: values of any field


CASES = [
    Case("ocr", "ocr", Client.ocr, {"lang": "deu", "min_confidence": 0.5}),
    Case("ocr", "ocr", Client.ocr, {"min_confidence": 0.8}),
    Case("analyzed-ocr", "ocr", Client.analyzed_ocr, {}),
    Case("emotions", "vision", Client.emotions, {"limit": 3, "min_confidence": 0.2}),
    Case("classify", "vision", Client.classify, {}),
    Case("classify", "vision", Client.classify, {"limit": 7, "min_confidence": 1e-6}),
    Case("nudity", "vision", Client.nudity, {}),
]
EVERY_CASE = [
    replace(case, fields={**case.fields, "details": details})
    for case in CASES
    for details in (False, True)
]


@pytest.fixture(scope="module")
async def rest(gateway: Gateway) -> AsyncIterator[Client]:
    async with Client(gateway.url, key=gateway.key) as client:
        yield client


@pytest.fixture(scope="module")
async def services(addresses: dict[str, str]) -> AsyncIterator[dict[str, Client]]:
    """Return a client of each service by its name."""
    async with (
        Client(f"grpc://{addresses['colorize_address']}") as colorize,
        Client(f"grpc://{addresses['ocr_address']}") as ocr,
        Client(f"grpc://{addresses['vision_address']}") as vision,
    ):
        yield {"colorize": colorize, "ocr": ocr, "vision": vision}


@pytest.mark.parametrize("case", EVERY_CASE)
async def test_rest_and_grpc_give_the_same_answer_and_lose_nothing_of_it(
    rest: Client, services: dict[str, Client], gateway: Gateway, case: Case
) -> None:
    texts = {name: str(value).lower() for name, value in case.fields.items()}
    body = (await upload(gateway, case.endpoint, form_of(PICTURE, **texts))).body

    over_rest = await case.method(rest, PICTURE, **case.fields)
    over_grpc = await case.method(services[case.service], PICTURE, **case.fields)

    assert over_rest == over_grpc
    assert msgspec.json.decode(msgspec.json.encode(over_rest)) == msgspec.json.decode(body)


@pytest.mark.parametrize("text", ["A text of my own.", "not english"])
async def test_analyzed_text_is_the_same_over_both(
    rest: Client, services: dict[str, Client], text: str
) -> None:
    over_rest = await rest.analyzed_text(text, details=True)

    assert over_rest == await services["ocr"].analyzed_text(text, details=True)
    assert over_rest.result.text.full_text == text


async def test_coloured_picture_is_downloaded_from_either(
    rest: Client, services: dict[str, Client]
) -> None:
    hosted = await rest.colorize(PICTURE, expires_in_s=60, details=True)
    answered = await services["colorize"].colorize(PICTURE, details=True)

    assert hosted.result.colorized.startswith("http://")
    assert answered.result.colorized.startswith("data:image/jpeg;base64,")
    assert hosted.details == answered.details
    assert (await rest.download(hosted)).content == COLOURED
    assert (await services["colorize"].download(answered)).content == COLOURED


async def test_languages_are_the_same_over_both(rest: Client, services: dict[str, Client]) -> None:
    languages = await rest.languages()

    assert languages == await services["ocr"].languages()
    assert languages[1] == Language(
        "tir",
        "Tigrinya",
        installed=False,
        engine="tesseract",
        packages=("tesseract-ocr-tir",),
        tag="ti",
        script="Ethi",
        route="tesseract-lines",
        error_rate=0.5,
        photo_error_rate=0.0,
    )


async def test_usage_counts_what_was_asked(rest: Client) -> None:
    await rest.nudity(PICTURE)

    usage = await rest.usage()

    assert (usage.account, usage.balance) == ("tests", None)
    assert {day.endpoint for day in usage.days} >= {"nudity"}


@pytest.mark.parametrize("kind", [str, Path])
async def test_picture_is_named_by_its_path(
    rest: Client, scan: Path, kind: Callable[[Path], Source]
) -> None:
    answer = await rest.ocr(kind(scan))

    assert answer.result.text == "Extracted text will appear here."
    assert answer.result.url is None


async def test_largest_picture_passes_over_both(rest: Client, services: dict[str, Client]) -> None:
    largest = PICTURE + bytes(MAX_IMAGE_BYTES - len(PICTURE))

    assert await rest.nudity(largest) == await services["vision"].nudity(largest)


async def test_picture_is_named_by_its_url(rest: Client) -> None:
    async with listening(picture()) as origin:
        answer = await rest.ocr(origin.url())

    assert answer.result.url == origin.url()


async def test_service_is_sent_no_url(services: dict[str, Client]) -> None:
    with pytest.raises(InvalidInput, match="fetches no URLs"):
        await services["ocr"].ocr("https://example.com/scan.png")


async def test_service_knows_no_usage(services: dict[str, Client]) -> None:
    with pytest.raises(InvalidInput, match="only a gateway"):
        await services["ocr"].usage()


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://host", "http://", "grpc://host", "grpc://host:99999"]
)
def test_url_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="is no server"):
        Client(url)


@pytest.mark.parametrize("key", ["two words", "im_live\r\nX-Other: 1", "schlüssel"])
def test_key_that_would_break_its_header_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match="key"):
        Client(key=key)


async def test_closed_client_says_how_it_is_used() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Client().languages()
