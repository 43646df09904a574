"""Fields of JSON bodies and forms to requests, with an error that says what to change.

The one place that decides between 400 and 404: the seed's errors page gives a missing parameter
404 and any other bad parameter 400.
"""

import codecs
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar, get_args

import msgspec
from msgspec import Struct

from contract.endpoint import ImageRequest
from gateway.problems import Problem

_IMAGES: Final = ("url", "image")  # a request holds exactly one of them

# More than the texts of a batch have. A million values would hold the event loop for a second.
_MOST_COMMAS: Final = 100_000

# msgspec's words, such as "JSON is malformed: invalid character (byte 12)"; bytes count from 0.
_MALFORMED = re.compile(r"JSON is malformed: (?P<reason>.*) \(byte (?P<byte>\d+)\)", re.DOTALL)

Json = dict[str, Any]  # Any: JSON values before they are checked

RequestT = TypeVar("RequestT", bound=Struct)


def decode_object(body: bytes | bytearray) -> Json:
    """Return the fields of a JSON object.

    Raises:
        Problem: 400, the body is none.
    """
    body = body.removeprefix(codecs.BOM_UTF8)  # Windows writes it; RFC 8259 lets it be ignored
    if body.count(b",") > _MOST_COMMAS:
        message = f"the body has over {_MOST_COMMAS} commas; send fewer values"
        raise Problem(400, "malformed_json", message)
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"the body is not valid JSON: {_fault(error, body)}"
        raise Problem(400, "malformed_json", message) from error
    if not isinstance(values, dict):
        raise Problem(400, "malformed_json", 'the body must be a JSON object, such as {"url": "…"}')
    return values


def _fault(error: Exception, body: bytes | bytearray) -> str:
    """Return the reason why a body is no JSON, and the place."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):  # its place is counted within one string
        try:
            body.decode()
        except UnicodeDecodeError as first:
            return f"it is not UTF-8 at byte {first.start}"
    match = _MALFORMED.fullmatch(str(error))
    if match is None:
        return "it is empty" if not body.strip() else f"it ends too early, at byte {len(body)}"
    at = int(match["byte"])
    line = body.count(b"\n", 0, at) + 1
    column = at - body.rfind(b"\n", 0, at)
    return f"{match['reason']} at line {line}, column {column} (byte {at})"


def parse_values(values: Json, kind: type[RequestT]) -> RequestT:
    """Return the request of these fields.

    Raises:
        Problem: 404 for a missing parameter; 400 for an unknown or a bad one, and for two images.
    """
    return _parse(values, kind, given=[name for name in _IMAGES if name in values], strict=True)


def parse_form(texts: Json, kind: type[RequestT], *, has_upload: bool) -> RequestT:
    """Return the request of the text fields of a form; "5" is a number there, "true" a boolean.

    Raises:
        Problem: as `parse_values`.
    """
    given = [*(["image"] if has_upload else []), *(["url"] if "url" in texts else [])]
    return _parse(texts, kind, given=given, strict=False)


def _parse(
    values: Mapping[str, Any],  # Any: see Json
    kind: type[RequestT],
    *,
    given: list[str],
    strict: bool,
) -> RequestT:
    is_required = _fields(kind)
    unknown = sorted(values.keys() - is_required.keys())
    if unknown:
        known = ", ".join(is_required)
        raise Problem(
            400, "unknown_parameter", f"unknown parameter {unknown[0][:50]!r}; known are: {known}"
        )
    missing = [name for name, needed in is_required.items() if needed and name not in values]
    if missing:
        raise Problem(404, "missing_parameter", f"the parameter {missing[0]!r} is missing")
    if issubclass(kind, ImageRequest):
        _check_one_image(given)
    try:
        return msgspec.convert(values, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise Problem(400, "invalid_parameter", _describe(error, kind)) from error


@cache  # msgspec reads the annotations anew each time, which took longer than all the rest here
def _fields(kind: type[Struct]) -> dict[str, bool]:
    """Return the names of the parameters, and of each whether it is required."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(kind)}


def _check_one_image(given: list[str]) -> None:
    if len(given) > 1:
        message = "parameter 'image': send either 'url' or 'image', not both"
        raise Problem(400, "invalid_parameter", message)
    if not given:
        message = "the parameter 'url' is missing; send the image's 'url', or itself in 'image'"
        raise Problem(404, "missing_parameter", message)


def _describe(error: msgspec.ValidationError, kind: type[Struct]) -> str:
    """Return "parameter 'limit': expected `int`, got `str`" for msgspec's "... - at `$.limit`"."""
    what, _, where = str(error).partition(" - at ")
    name = where.strip("`").removeprefix("$.")
    if what.startswith("Invalid enum value"):
        what = f"expected one of {', '.join(_choices(kind, name))}"
    return f"parameter {name!r}: {what[:1].lower()}{what[1:]}"


def _choices(kind: type[Struct], name: str) -> tuple[str, ...]:
    """Return the values of a parameter that is an enumeration."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    enumeration, *_ = get_args(fields[name])
    return tuple(each.value for each in enumeration)
