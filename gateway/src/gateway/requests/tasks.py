"""One request on its way through the services, and where what comes of it is hosted."""

from base64 import b64encode
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, Generic, TypeVar

import grpc
from msgspec import Struct

from gateway.backends import call, stream
from gateway.hosting.hosted import ENDPOINT_OF_FOLDER
from gateway.mesh import Mesh
from gateway.problems import Problem

RequestT = TypeVar("RequestT", bound=Struct)
MessageT = TypeVar("MessageT")
ResponseT = TypeVar("ResponseT")


@dataclass(frozen=True, slots=True)
class Task(Generic[RequestT]):
    """One request that has passed every check.

    Attributes:
        request: the parsed body.
        image: the encoded picture; empty where the request names none.
        image_name: file name in the picture's URL.
        account: who pays.
        request_id: travels to the services and into every log line.
        deadline_s: when the answer is due, on the monotonic clock.
        base_url: what the URLs of hosted results begin with, without a slash at the end.
    """

    request: RequestT
    image: bytes
    image_name: str
    account: str
    request_id: str
    deadline_s: float
    base_url: str

    def remaining_s(self) -> float:
        """Return the time left, in seconds.

        Raises:
            Problem: 504, there is none.
        """
        remaining_s = self.deadline_s - monotonic()
        if remaining_s <= 0:
            raise Problem(504, "deadline_exceeded", "the request took too long")
        return remaining_s

    async def ask(
        self, rpc: grpc.aio.UnaryUnaryMultiCallable[MessageT, ResponseT], message: MessageT
    ) -> ResponseT:
        """Return the answer of `rpc` in the time that is left, or raise its Problem."""
        return await call(
            rpc,
            message,
            timeout_s=self.remaining_s(),
            request_id=self.request_id,
            caller=self.account,
        )

    def follow(
        self, rpc: grpc.aio.UnaryStreamMultiCallable[MessageT, ResponseT], message: MessageT
    ) -> AsyncGenerator[ResponseT, None]:
        """Return the answers of `rpc` as they come in the time that is left, or its Problem."""
        return stream(
            rpc,
            message,
            timeout_s=self.remaining_s(),
            request_id=self.request_id,
            caller=self.account,
        )


async def host(
    mesh: Mesh,
    task: Task[Any],  # Any: the request does not matter here
    *,
    content: bytes,
    media_type: str,
    folder: str,
    lifetime: timedelta | None = None,
) -> str:
    """Host what came of a request and return its URL, a data: URI where nothing is kept.

    Args:
        mesh: has the store.
        task: whose result it is.
        content: the whole file.
        media_type: one of those that `ResultStore.save` takes.
        folder: the path that hosted files of its kind have.
        lifetime: how long it is hosted; as long as any other when left out.
    """
    if mesh.settings.zero_retention:
        return f"data:{media_type};base64,{b64encode(content).decode()}"
    name = await mesh.results.save(
        content,
        account=task.account,
        media_type=media_type,
        original_name=task.image_name,
        endpoint=ENDPOINT_OF_FOLDER[folder],
        lifetime=lifetime,
    )
    return f"{task.base_url}{folder}/{name}"
