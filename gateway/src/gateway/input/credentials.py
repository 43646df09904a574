"""API keys in the headers of a request: `X-API-Key`, or `Authorization: Bearer`."""

from collections.abc import Mapping
from typing import Final

API_KEY_HEADER: Final = "x-api-key"
BEARER_HEADER: Final = "authorization"

# RFC 9110, section 11.6.1: a 401 names the scheme. Bearer opens no dialog in a browser.
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="imagemesh"'}


def sent_key(headers: Mapping[str, str]) -> str:
    """Return the API key without blanks around it, empty where none was sent.

    Args:
        headers: of the request, by names of either case.
    """
    key = headers.get(API_KEY_HEADER, "").strip()
    if key:
        return key
    scheme, _, token = headers.get(BEARER_HEADER, "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
