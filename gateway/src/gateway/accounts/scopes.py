"""The names of the endpoints that a key can be limited to and that can have a price."""

from collections.abc import Iterable
from typing import Final

# The last part of each path; a test holds them equal to the table of endpoints.
ENDPOINT_NAMES: Final = (
    "colorize",
    "ocr",
    "analyzed-ocr",
    "analyzed-text",
    "emotions",
    "classify",
    "nudity",
)

WEBHOOKS_SCOPE: Final = "webhooks"  # to read the secret that webhooks are signed with
USAGE_SCOPE: Final = "usage"  # to read the balance and the usage of the account

SCOPES: Final = (*ENDPOINT_NAMES, WEBHOOKS_SCOPE, USAGE_SCOPE)


def endpoint_name(path: str) -> str:
    """Return "ocr" for "/api/v1/ocr"."""
    return path.rpartition("/")[2]


def check_names(names: Iterable[str]) -> None:
    """Raise ValueError for a name that no endpoint has."""
    for name in names:
        if name not in ENDPOINT_NAMES:
            raise ValueError(f"{name!r} is no endpoint; known are {', '.join(ENDPOINT_NAMES)}")


def check_scopes(names: Iterable[str]) -> None:
    """Raise ValueError for a name that no scope has."""
    for name in names:
        if name not in SCOPES:
            raise ValueError(f"{name!r} is no scope; known are {', '.join(SCOPES)}")
