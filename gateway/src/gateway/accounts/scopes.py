"""Scopes of API keys and keys of prices: the names of the endpoints."""

from collections.abc import Collection, Iterable
from typing import Final, Protocol

from contract.table import ENDPOINT_NAMES
from gateway.problems import Problem

WEBHOOKS_SCOPE: Final = "webhooks"  # to read the secret that webhooks are signed with
USAGE_SCOPE: Final = "usage"  # to read the balance and the usage of the account

SCOPES: Final = (*ENDPOINT_NAMES, WEBHOOKS_SCOPE, USAGE_SCOPE)


class ScopedKey(Protocol):
    """An API key that may be limited to some endpoints."""

    def check_scope(self, endpoint: str) -> None:
        """Raise Problem 403 where the key may not ask `endpoint`."""
        ...


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


def authorize(key: ScopedKey | None, name: str, *, off: Collection[str]) -> None:
    """Let pass a key, or an internal caller without one, that may ask the endpoint of that name.

    Raises:
        Problem: 403, the endpoint is switched off, or the key is limited to others.
    """
    if name in off:
        raise Problem(403, "endpoint_off", f"whoever runs this mesh has switched {name} off")
    if key is not None:
        key.check_scope(name)
