"""Who makes an RPC: the account that the gateway names, or else the machine that calls."""

import hashlib
from typing import Any

import grpc

CALLER_KEY = "x-caller"  # set by the gateway; callers share a model fairly, none is trusted more
_MOST_LETTERS = 64


def caller_digest(caller: str) -> str:
    """Return what the services are told of a caller, under `CALLER_KEY`.

    Metadata is ASCII, and the services need not know who it is.
    """
    return hashlib.blake2s(caller.encode(), digest_size=8).hexdigest()


def caller_of(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """Return a name that is the same for all RPCs of one caller; never to be logged or a label.

    The context is generic over messages that do not matter here, hence Any.
    """
    for key, value in context.invocation_metadata() or ():
        if key == CALLER_KEY and isinstance(value, str):
            return value[:_MOST_LETTERS]
    # Without the port: another connection makes no other caller.
    return str(context.peer()).rpartition(":")[0]
