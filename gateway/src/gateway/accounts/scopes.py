"""Scopes of API keys and keys of prices: the names of the endpoints."""

from collections.abc import Iterable
from typing import Final

from contract.table import ENDPOINT_NAMES

WEBHOOKS_SCOPE: Final = "webhooks"  # to read the secret that webhooks are signed with
USAGE_SCOPE: Final = "usage"  # to read the balance and the usage of the account

SCOPES: Final = (*ENDPOINT_NAMES, WEBHOOKS_SCOPE, USAGE_SCOPE)


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
