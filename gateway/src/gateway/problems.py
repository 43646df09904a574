"""The error that every check of the gateway raises; the edge makes the one error shape of it."""

from typing import Final

# Codes of faults that pass by themselves; a model that is not installed stays so.
PASSING: Final = frozenset({"overloaded", "unavailable", "jobs_unavailable"})


class Problem(Exception):
    """An answer other than 200: a stable code and a sentence on what the caller should change.

    Attributes:
        status: HTTP status.
        code: stable machine code, such as "invalid_url".
        headers: extra response headers, such as `Allow`.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}
