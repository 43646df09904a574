"""The one shape of every error."""

from msgspec import Struct


class ErrorBody(Struct, frozen=True):
    """Error: a stable code, what to change, and the id to report."""

    code: str
    message: str
    request_id: str


class ErrorAnswer(Struct, frozen=True):
    """Answer of every request that failed."""

    error: ErrorBody
