"""JSON bodies to requests, with an error that says what to change.

The one place that decides between 400 and 404: the seed's errors page gives a missing parameter
404 and any other bad parameter 400.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from gateway.problems import Problem

RequestT = TypeVar("RequestT", bound=Struct)


def parse_request(body: bytes, kind: type[RequestT]) -> RequestT:
    """Return the request in `body`.

    Raises:
        Problem: 404 for a missing parameter; 400 for an unknown or a bad one and for what is no
            JSON object.
    """
    values = _decode_object(body)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    unknown = sorted(values.keys() - fields.keys())
    if unknown:
        known = ", ".join(fields)
        raise Problem(
            400, "unknown_parameter", f"unknown parameter {unknown[0][:50]!r}; known are: {known}"
        )
    missing = [name for name, field in fields.items() if field.required and name not in values]
    if missing:
        raise Problem(404, "missing_parameter", f"the parameter {missing[0]!r} is missing")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise Problem(400, "invalid_parameter", _describe(error)) from error


def _decode_object(body: bytes) -> dict[str, Any]:  # Any: JSON values before they are checked
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(400, "malformed_json", "the body is not valid JSON") from error
    if not isinstance(values, dict):
        raise Problem(400, "malformed_json", 'the body must be a JSON object, such as {"url": "…"}')
    return values


def _describe(error: msgspec.ValidationError) -> str:
    """Return "parameter 'limit': expected `int`, got `str`" for msgspec's "... - at `$.limit`"."""
    what, _, where = str(error).partition(" - at ")
    name = where.strip("`").removeprefix("$.")
    return f"parameter {name!r}: {what[:1].lower()}{what[1:]}"
