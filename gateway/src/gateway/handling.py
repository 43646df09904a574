"""The order of checks of every endpoint: key, size, JSON, fields, fetch, credits, call, settle."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway import contract
from gateway.endpoints import Endpoint, Job, list_languages
from gateway.keys import ApiKey
from gateway.mesh import Mesh
from gateway.parsing import parse_request
from gateway.problems import Problem

MAX_BODY_BYTES = 64 * 1024  # a JSON body holds a URL or a text, never a picture

# What curl and browsers call a JSON body when nobody tells them; anything else is no JSON.
_JSON_TYPES = ("", "application/json", "application/x-www-form-urlencoded", "text/plain")

T = TypeVar("T")


class Gate:
    """Lets requests through to the services, at most `max_in_flight` at once."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._in_flight = 0

    async def post(self, endpoint: Endpoint, request: Request) -> Response:
        """Answer a POST to `endpoint`.

        Raises:
            Problem: any answer but 200.
        """
        deadline_s = monotonic() + self._mesh.settings.request_timeout_s
        key = await self._key(request)
        parsed = parse_request(await _read_body(request), endpoint.request)
        job = Job(
            parsed,
            image=b"",
            image_name="",
            account=key.account,
            request_id=request.state.request_id,
            deadline_s=deadline_s,
            base_url=self._mesh.settings.public_url.rstrip("/") or str(request.base_url)[:-1],
        )
        answer = await _while_connected(request, self._answer(endpoint, job))
        return json_response(_public(parsed, answer))

    async def languages(self, request: Request) -> Response:
        """Answer GET /api/v1/languages.

        Raises:
            Problem: any answer but 200.
        """
        await self._key(request)
        answer = await list_languages(
            self._mesh,
            timeout_s=self._mesh.settings.request_timeout_s,
            request_id=request.state.request_id,
        )
        return json_response(answer)

    async def _key(self, request: Request) -> ApiKey:
        return await self._mesh.keys.check(request.headers.get("x-api-key"))

    async def _answer(self, endpoint: Endpoint, job: Job[Any]) -> Struct:  # Any: every request
        limit = self._mesh.settings.max_in_flight
        if self._in_flight >= limit:
            message = f"{limit} requests are being answered already; try again later"
            raise Problem(429, "overloaded", message)
        self._in_flight += 1
        try:
            fetched = await self._fetch(job)
            async with self._mesh.credits.charge(job.account, endpoint=endpoint.path):
                return await endpoint.run(self._mesh, fetched)  # type: ignore[no-any-return]  # a Struct by Endpoint's words
        finally:
            self._in_flight -= 1

    async def _fetch(self, job: Job[Any]) -> Job[Any]:  # Any: every request
        if not isinstance(job.request, contract.Request):
            return job
        url = job.request.url
        image = await self._mesh.hosted.read(url, base_url=job.base_url)
        if image is None:
            image = await self._mesh.fetcher.fetch(url, timeout_s=job.remaining_s())
        return replace(job, image=image.content, image_name=image.name)


def json_response(
    answer: Struct, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return `answer` as JSON."""
    body = msgspec.json.encode(answer)
    return Response(body, status, media_type="application/json", headers=headers)


def _public(request: Struct, answer: Any) -> Struct:  # Any: answers differ, all have details
    if getattr(request, "details", False):
        return answer  # type: ignore[no-any-return]  # see above
    return msgspec.structs.replace(answer, details=None)  # type: ignore[no-any-return]  # see above


async def _read_body(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _JSON_TYPES:
        raise Problem(
            415, "unsupported_media_type", f"send JSON (application/json), not {media_type[:50]!r}"
        )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> Problem:
    limit = MAX_BODY_BYTES // 1024
    # The rest of the body is never read, so the connection cannot be used again.
    headers = {"Connection": "close"}
    return Problem(413, "body_too_large", f"the body is over {limit} KiB", headers=headers)


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; cancel it when the caller hangs up.

    Raises:
        ClientDisconnect: nobody waits for the answer any more.
    """
    task = asyncio.ensure_future(work)
    # The body has been read, so the next message can only say that the caller is gone.
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        gone.cancel()
        task.cancel()
        # What the work holds (an RPC, a charge) is given back before the request counts as over.
        await asyncio.gather(task, gone, return_exceptions=True)
