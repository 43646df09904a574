"""Client of imagemesh: typed answers over REST, and the commands that print them."""

from imagemesh.client.blocking import Client
from imagemesh.client.client import AsyncClient
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
    "AsyncClient",
    "Client",
    "ClientError",
    "InvalidInput",
    "TimedOut",
    "UnexpectedAnswer",
    "Unreachable",
]
