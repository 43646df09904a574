"""Uploads of bulk jobs: a form whose texts come first, and whose file is read as it arrives."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from multipart import MultipartError, MultipartSegment  # type: ignore[import-untyped]  # as forms
from starlette.requests import Request

from contract.bulk import BulkRequest
from gateway.input.bodies import CLOSE, unpacked
from gateway.input.forms import MAX_FIELD_BYTES, form_parser, malformed
from gateway.input.parsing import Json, decode_object, parse_form
from gateway.problems import Problem

ARCHIVE: Final = "archive"
MANIFEST: Final = "manifest"

_TEXTS: Final = ("endpoint", "parameters", "source", "dry_run")


@dataclass(frozen=True, slots=True)
class BulkForm:
    """Head of a form."""

    request: BulkRequest
    kind: str | None  # "archive" or "manifest" where such a file follows, None where none does
    content: AsyncIterator[bytes]


async def read_bulk_form(request: Request, *, idle_s: float) -> BulkForm:
    """Return the head of a form, once its texts are there.

    Args:
        request: whose body it is.
        idle_s: longest time from one piece of the body to the next, in seconds.

    Raises:
        Problem: 400, 404, 408 or 415, for the form or its texts.
    """
    events = _events(request, idle_s=idle_s)
    texts: Json = {}
    name, content, kind = "", bytearray(), None
    async for event in events:
        if isinstance(event, MultipartSegment):
            name, content = event.name, bytearray()
            if name in {ARCHIVE, MANIFEST}:
                kind = name
                break
            if name not in _TEXTS or name in texts:
                known = ", ".join((*_TEXTS, ARCHIVE, MANIFEST))
                message = f"field {name[:50]!r}: send each once of {known}, the file last"
                raise Problem(400, "unknown_parameter", message)
        elif event is None:
            texts[name] = content.decode(errors="replace")
        else:
            content += event
            if len(content) > MAX_FIELD_BYTES:
                message = f"parameter {name!r}: over {MAX_FIELD_BYTES // 1024} KiB"
                raise Problem(400, "invalid_parameter", message)
    if "parameters" in texts:
        texts["parameters"] = decode_object(texts["parameters"].encode())
    return BulkForm(parse_form(texts, BulkRequest, has_upload=False), kind, _content(events))


async def _content(events: AsyncIterator[MultipartSegment | bytes | None]) -> AsyncIterator[bytes]:
    async for event in events:
        if isinstance(event, MultipartSegment):
            raise malformed("the file must be the last field of the form")
        if event is not None:
            yield bytes(event)


async def _events(
    request: Request, *, idle_s: float
) -> AsyncIterator[MultipartSegment | bytes | None]:
    """Yield the events of the parser: the start of a field, a piece of it, None for its end."""
    pieces = unpacked(request)
    try:
        with form_parser(request.headers["content-type"]) as parser:
            while (piece := await _next(pieces, idle_s=idle_s)) is not None:
                for event in parser.parse(piece):
                    yield event
    except MultipartError as error:
        raise malformed("the body is no complete multipart/form-data") from error


async def _next(pieces: AsyncIterator[bytes], *, idle_s: float) -> bytes | None:
    try:
        async with asyncio.timeout(idle_s):
            return await anext(pieces, None)
    except TimeoutError as error:
        message = f"nothing of the body arrived within {idle_s:.3g} s; send it faster"
        raise Problem(408, "body_timeout", message, headers=dict(CLOSE)) from error
