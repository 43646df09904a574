"""The forms in which a request can hold its image."""

import io
import json
from base64 import b64encode

import aiohttp

from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, Reply

FORMS = ("url", "base64", "data URI", "multipart", "batch", "async", "async batch")


def base64(content: bytes = IMAGE) -> str:
    """Return the base64 of an image."""
    return b64encode(content).decode()


def form_of(content: bytes, file_name: str = "photo.gif", **fields: str) -> aiohttp.FormData:
    """Return a form with an image."""
    form = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("image", io.BytesIO(content), filename=file_name, content_type="text/plain")
    return form


async def upload(gateway: Gateway, endpoint: str, form: aiohttp.FormData) -> Reply:
    """POST a form."""
    headers = {"X-API-Key": gateway.key}
    return await gateway.send("POST", f"/api/v1/{endpoint}", body=form, headers=headers)


async def upload_text(gateway: Gateway, body: bytes, *, boundary: str = "x") -> Reply:
    """POST exactly these bytes to classify as multipart/form-data."""
    media_type = f"multipart/form-data; boundary={boundary}"
    return await gateway.post("classify", body, Content_Type=media_type)


async def defer(gateway: Gateway, endpoint: str, body: object, **headers: str) -> Reply:
    """POST with the wish for an answer later."""
    return await gateway.post(endpoint, body, Prefer="respond-async", **headers)


async def ended(gateway: Gateway, accepted: Reply) -> Reply:
    """Return the job that was accepted, when it has ended."""
    assert accepted.status == 202, accepted.body
    while True:
        reply = await gateway.get(accepted.headers["Location"])
        if reply.status == 429:  # asked more often than a key may
            continue
        if reply.json["result"]["status"] in {"succeeded", "failed"}:
            return reply


async def send_in(
    gateway: Gateway, form: str, endpoint: str, content: bytes, **fields: object
) -> tuple[int, object]:
    """Send an image in one of `FORMS`, and return the status and the JSON that it is answered."""
    given = {"image": base64(content), **fields}
    item = {"requests": [{"endpoint": endpoint, **given}]}
    if form == "url":
        async with listening(image_answer(content)) as origin:
            return _plain(await gateway.post(endpoint, {"url": origin.url(), **fields}))
    if form == "data URI":
        given["image"] = f"data:image/x-whatever;base64,{given['image']}"
    if form in {"base64", "data URI"}:
        return _plain(await gateway.post(endpoint, given))
    if form == "multipart":
        texts = {name: json.dumps(value).strip('"') for name, value in fields.items()}
        return _plain(await upload(gateway, endpoint, form_of(content, **texts)))
    if form == "batch":
        return _first((await gateway.post("batch", item)).json)
    if form == "async":
        return _of_job(await ended(gateway, await defer(gateway, endpoint, given)))
    answer = _of_job(await ended(gateway, await defer(gateway, "batch", item)))
    return _first(answer[1])


def _plain(reply: Reply) -> tuple[int, object]:
    return reply.status, reply.json


def _of_job(reply: Reply) -> tuple[int, object]:
    answer = reply.json["result"]["answer"]
    return answer["status"], answer["body"]


def _first(answer: object) -> tuple[int, object]:
    assert isinstance(answer, dict)
    (item,) = answer["result"]
    return item["status"], item["body"]
