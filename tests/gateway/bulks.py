"""Bulk jobs for tests: archives, manifests, and what becomes of them."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import aiohttp

from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Reply

Line = dict[str, Any]  # Any: JSON


def archive(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP of these files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as opened:
        for name, image in files.items():
            opened.writestr(zipfile.ZipInfo(name), image, method)  # the same at any time
    return content.getvalue()


def images(count: int) -> bytes:
    """Return a ZIP of so many images."""
    return archive({f"{number}.gif": IMAGE for number in range(count)})


def manifest(*entries: object) -> bytes:
    """Return a JSONL manifest."""
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


async def submit(
    gateway: Gateway,
    file: bytes | None = None,
    *,
    kind: str = "archive",
    key: str = "",
    headers: dict[str, str] | None = None,
    **texts: str,
) -> Reply:
    """POST a bulk job."""
    form = aiohttp.FormData(quote_fields=False)
    for name, value in {"endpoint": "classify", **texts}.items():
        form.add_field(name, value)
    if file is not None:
        form.add_field(kind, io.BytesIO(file), filename=f"{kind}.bin")
    sent = {"X-API-Key": key or gateway.key, **(headers or {})}
    if form.is_multipart:
        return await gateway.send("POST", "/api/v1/bulk", body=form, headers=sent)
    return await gateway.post("bulk", {"endpoint": "classify", **texts})


async def told(gateway: Gateway, accepted: Reply) -> list[Line]:
    """Return the progress of a bulk job until it has ended, as its events tell it."""
    assert accepted.status == 202, accepted.body
    reply = await gateway.get(accepted.json["result"]["events"])
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    events = reply.body.decode().split("\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in events if event]


async def output(gateway: Gateway, accepted: Reply) -> list[Line]:
    """Return the lines of the output of a bulk job, when it has ended."""
    last = (await told(gateway, accepted))[-1]
    assert last["status"] == "succeeded"
    reply = await gateway.get(last["output"])
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/jsonl")
    return [json.loads(line) for line in reply.body.splitlines()]
