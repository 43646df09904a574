"""The error answers of a gateway, or of what stands before it, as the errors of the client."""

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import msgspec

from contract.errors import ErrorAnswer, ErrorBody
from imagemesh.client.errors import ApiError

_PASSING_STATUSES: Final = frozenset({429, 503, 504})

# Faults that only the operator can end; the gateway gives them 503 too.
_LASTING_CODES: Final = frozenset(
    {"not_installed", "model_not_installed", "language_not_installed"}
)

# The first copy of a call that was repeated still runs: its answer is kept, and comes next time.
_RUNNING_CODE: Final = "request_in_progress"


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error that an HTTP answer tells."""
    error = _error(status, headers, body)
    is_passing = status in _PASSING_STATUSES and error.code not in _LASTING_CODES
    return ApiError(
        error.message,
        status=status,
        code=error.code,
        request_id=error.request_id,
        may_repeat=is_passing or error.code == _RUNNING_CODE,
        retry_after_s=_retry_after_s(headers.get("Retry-After", "")),
    )


def _error(status: int, headers: Mapping[str, str], body: bytes) -> ErrorBody:
    try:
        return msgspec.json.decode(body, type=ErrorAnswer).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        known = HTTPStatus(status) if status in set(HTTPStatus) else None
        name = known.phrase if known else "an unknown status"
        return ErrorBody(
            known.name.lower() if known else "unknown",
            f"{status} {name}, from something other than imagemesh at this address",
            headers.get("X-Request-Id", ""),
        )


def _retry_after_s(text: str) -> float:
    """Return the wait that a Retry-After asks for (RFC 9110 section 10.2.3); 0 without one."""
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        return 0.0
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
