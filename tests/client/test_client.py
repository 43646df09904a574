"""Every endpoint of the contract has a method, whose typed answer loses nothing of the JSON."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.endpoints.colorize import ColorizeRequest
from contract.endpoints.ocr import Format, OcrRequest
from contract.fields import MAX_IMAGE_BYTES
from contract.lookups import Language
from contract.table import ENDPOINTS
from imagemesh.client import AsyncClient, InvalidInput
from imagemesh.client.images import Source
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway
from tests.gateway.services import COLORED, WRITTEN
from tests.gateway.uploads import base64, defer, ended, form_of, upload

PDF = b"%PDF-1.7 three pages"

CASES: list[tuple[str, bytes, dict[str, Any]]] = [  # Any: values of any field
    ("ocr", IMAGE, {"lang": "deu", "min_confidence": 0.5}),
    ("ocr", IMAGE, {"min_confidence": 0.8, "details": True}),
    ("ocr", PDF, {"details": True}),
    ("ocr", PDF, {"format": "json", "pages": "1-2", "details": True}),
    ("ocr", PDF, {"format": "alto", "lang": "deu"}),
    ("analyzed-ocr", IMAGE, {"details": True}),
    ("emotions", IMAGE, {"limit": 3, "min_confidence": 0.2, "details": True}),
    ("classify", IMAGE, {"limit": 7, "min_confidence": 1e-6}),
    ("classify", IMAGE, {"details": True}),
    ("nudity", IMAGE, {"details": True}),
]


@pytest.fixture(scope="module")
async def client(gateway: Gateway) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(gateway.url, key=gateway.key) as client:
        yield client


@pytest.mark.parametrize(("endpoint", "image", "fields"), CASES)
async def test_answer_loses_nothing(
    client: AsyncClient, gateway: Gateway, endpoint: str, image: bytes, fields: dict[str, Any]
) -> None:
    texts = {name: str(value).lower() for name, value in fields.items()}
    body = (await upload(gateway, endpoint, form_of(image, **texts))).body

    answer = await getattr(client, endpoint.replace("-", "_"))(image, **fields)

    assert msgspec.json.decode(msgspec.json.encode(answer)) == msgspec.json.decode(body)


def test_every_endpoint_of_the_table_is_a_method() -> None:
    client = AsyncClient()

    assert {endpoint.name.replace("-", "_") for endpoint in ENDPOINTS} <= set(dir(client))
    with pytest.raises(AttributeError, match="'sharpness'"):
        client.sharpness()


async def test_text_is_analyzed(client: AsyncClient) -> None:
    answer = await client.analyzed_text(text="A text of my own.", details=True)

    assert answer.result.text.full_text == "A text of my own."
    assert answer.details.language == "en"


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"limit": 101}, "limit"), ({"lang": "eng"}, "unknown field"), ({"details": "yes"}, "bool")],
)
async def test_wrong_parameter_is_told_before_anything_is_sent(
    client: AsyncClient, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=f"classify: .*{message}"):
        await client.classify(IMAGE, **fields)


async def test_hosted_files_are_downloaded(client: AsyncClient, gateway: Gateway) -> None:
    colored = await client.ask(ColorizeRequest(expires_in_s=60), IMAGE)
    searchable = await client.ask(OcrRequest(format=Format.PDF), IMAGE)

    assert colored.result.colorized.startswith(f"{gateway.url}/content/colorized/")
    assert searchable.result.pdf.startswith(f"{gateway.url}/content/documents/")
    assert (await client.download(colored)).content == COLORED
    assert (await client.download(searchable)).content == WRITTEN


async def test_languages_are_listed(client: AsyncClient) -> None:
    languages = await client.languages()

    assert languages[1] == Language(
        "tir",
        "Tigrinya",
        installed=False,
        engine="tesseract",
        packages=["tesseract-ocr-tir"],
        tag="ti",
        script="Ethi",
        route="tesseract-lines",
        error_rate=0.5,
        photo_error_rate=0.0,
    )


async def test_usage_counts_what_was_asked(client: AsyncClient) -> None:
    await client.nudity(IMAGE)

    usage = await client.usage()

    assert (usage.account, usage.balance) == ("tests", None)
    assert {day.endpoint for day in usage.days} >= {"nudity"}


async def test_jobs_are_listed(client: AsyncClient, gateway: Gateway) -> None:
    made = [await defer(gateway, "nudity", {"image": base64()}) for _ in range(2)]
    for job in made:
        await ended(gateway, job)

    first = await client.jobs(status="succeeded", limit=1)
    second = await client.jobs(limit=1, after=first.next)

    assert [page.jobs[0].url for page in (first, second)] == [
        job.headers["Location"] for job in made[::-1]
    ]


@pytest.mark.parametrize("kind", [str, Path])
async def test_image_is_named_by_its_path(
    client: AsyncClient, scan: Path, kind: Callable[[Path], Source]
) -> None:
    answer = await client.ocr(kind(scan))

    assert answer.result.text == "Extracted text will appear here."
    assert answer.result.url is msgspec.UNSET


async def test_image_is_named_by_its_url(client: AsyncClient) -> None:
    async with listening(image_answer()) as origin:
        answer = await client.ocr(origin.url())

    assert answer.result.url == origin.url()


async def test_largest_image_passes(client: AsyncClient) -> None:
    largest = IMAGE + bytes(MAX_IMAGE_BYTES - len(IMAGE))

    assert (await client.nudity(largest)).result.is_nude


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://host", "http://", "grpc://host:1"])
def test_url_of_no_gateway_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="is no server"):
        AsyncClient(url)


@pytest.mark.parametrize("key", ["two words", "im_live\r\nX-Other: 1", "schlüssel"])
def test_key_that_would_break_its_header_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match="key"):
        AsyncClient(key=key)


async def test_closed_client_says_how_it_is_used() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await AsyncClient().languages()
