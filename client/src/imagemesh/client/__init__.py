"""Client of imagemesh: typed answers over REST, and the commands that print them."""

from imagemesh.client.client import Client
from imagemesh.client.errors import (
    ApiError,
    ClientError,
    InvalidInput,
    TimedOut,
    UnexpectedAnswer,
    Unreachable,
)

__all__ = [
    "ApiError",
    "Client",
    "ClientError",
    "InvalidInput",
    "TimedOut",
    "UnexpectedAnswer",
    "Unreachable",
]
