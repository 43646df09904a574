"""Answers as HTTP responses."""

import msgspec
from msgspec import Struct
from starlette.responses import Response


def json_response(
    answer: Struct, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return `answer` as JSON."""
    body = msgspec.json.encode(answer)
    return Response(body, status, media_type="application/json", headers=headers)
