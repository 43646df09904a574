"""Cross-origin requests of browsers (CORS), for the origins that the settings name."""

from typing import Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from servicekit.logs import get_logger

_ANY: Final = "*"
_METHODS: Final = ("GET", "POST", "DELETE")
_SENT: Final = (
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "Prefer",
    "X-API-Key",
    "X-Request-Id",
)
_READ: Final = (
    "Content-Disposition",
    "Idempotency-Replayed",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
)
_MAX_AGE_S: Final = 600  # for which a browser remembers a preflight

_log = get_logger("cors")


def cors_middleware(origins: tuple[str, ...]) -> list[Middleware]:
    """Return the middleware that answers pages of these origins; none without origins.

    Cookies are never taken, so that a page has to hold a key to ask for anything.
    """
    if not origins:
        return []
    if _ANY in origins:
        _log.warning("cors open to every origin", setting="GATEWAY_CORS_ORIGINS")
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=[_ANY] if _ANY in origins else list(origins),
            allow_methods=list(_METHODS),
            allow_headers=list(_SENT),
            expose_headers=list(_READ),
            max_age=_MAX_AGE_S,
        )
    ]
