"""Name of the caller of an RPC: the account from the gateway, or the address of the peer."""

import hashlib
from typing import Any

import grpc

CALLER_KEY = "x-caller"  # set by the gateway; only for fair queues, never for authorization
_MOST_LETTERS = 64


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
