"""Answers as HTTP responses."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

Answer = Callable[[Request], Awaitable[Response]]


def json_response(
    answer: Struct, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return `answer` as JSON."""
    body = msgspec.json.encode(answer)
    return Response(body, status, media_type="application/json", headers=headers)


def by_method(answers: Mapping[str, Answer]) -> Answer:
    """Return what answers requests of several methods to one path."""

    async def answer(request: Request) -> Response:
        return await (answers.get(request.method) or answers["GET"])(request)  # HEAD is a GET

    return answer
