"""The gateway's side of an endpoint: which RPC it calls, and how the answer is made of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from contract.endpoint import Endpoint
from gateway.backends import Backends, CallContext


@dataclass(frozen=True, slots=True)
class ProducedFile:
    """File that a service made, which the gateway hosts."""

    content: bytes
    media_type: str  # one of those that `ResultStore.save` takes
    folder: str  # path of hosted files of its kind


def no_file(_: Any) -> None:  # Any: the response of any endpoint
    """Return None: the endpoint makes no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHandler:
    """The gateway's side of an endpoint; its functions are typed where they are written."""

    endpoint: Endpoint
    # Full names of the RPCs, which need the scope of the endpoint when called natively.
    rpcs: tuple[str, ...]
    tasks: tuple[str, ...]  # tasks of the models that answer, as the services' models.toml has them
    # Any: the request and the response of each endpoint are its own.
    # Calls the service; takes the stubs, the request, the image and the call's context.
    ask: Callable[[Backends, Any, bytes, CallContext], Awaitable[Any]]
    # Makes the answer; takes the request, the response and the URL of the file.
    answer: Callable[[Any, Any, str], Struct]
    # Returns the file of a response that is hosted, None where there is none.
    file: Callable[[Any], ProducedFile | None] = no_file
