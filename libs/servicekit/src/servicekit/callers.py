"""Name of the caller of an RPC: the account from the gateway, or the address of the peer."""

import hashlib
from typing import Any, TypedDict

import grpc

CALLER_KEY = "x-caller"  # set by the gateway; only for fair queues, never for authorization
_MOST_LETTERS = 64


class CallTerms(TypedDict):
    """Terms that a request has in a fair queue.

    Attributes:
        caller: Its caller, as `caller_of` names it.
        timeout_s: Time until its deadline, in seconds; None without one.
    """

    caller: str
    timeout_s: float | None


# Any: the context is generic over messages that do not matter here.
def terms_of(context: grpc.aio.ServicerContext[Any, Any]) -> CallTerms:
    """Return the terms of an RPC."""
    return CallTerms(caller=caller_of(context), timeout_s=context.time_remaining())


def caller_digest(caller: str) -> str:
    """Return the digest of a caller's name, for the metadata key `CALLER_KEY`.

    Metadata is ASCII, and the services need no names.
    """
    return hashlib.blake2s(caller.encode(), digest_size=8).hexdigest()


def caller_of(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """Return the name of the caller, the same for all of its RPCs; not for logs or labels.

    The context is generic over messages that do not matter here, hence Any.
    """
    for key, value in context.invocation_metadata() or ():
        if key == CALLER_KEY and isinstance(value, str):
            return value[:_MOST_LETTERS]
    # Without the port, which differs between the connections of one caller.
    return str(context.peer()).rpartition(":")[0]
