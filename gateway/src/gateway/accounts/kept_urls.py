"""URLs as they are kept: without their queries, which hold signatures and session tokens."""

from typing import Any, Final

import msgspec

_URL_FIELD: Final = "url"
_QUERY: Final = "?"


def without_queries(body: bytes) -> bytes:
    """Return JSON with the query cut from every field `url`.

    Kept answers repeat the URL of their image. It names the image as well without the query, and
    nobody who reads a database, or a copy of it, can fetch with it.
    """
    if _QUERY.encode() not in body:
        return body
    return msgspec.json.encode(_cut(msgspec.json.decode(body)))


def _cut(value: Any) -> Any:  # Any: JSON values
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: item.partition(_QUERY)[0]
        if name == _URL_FIELD and isinstance(item, str)
        else _cut(item)
        for name, item in value.items()
    }
