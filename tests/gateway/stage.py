"""Calls that the hand-written services see, and the faults that they are asked for."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from servicekit.callers import caller_of
from servicekit.errors import (
    InvalidRequest,
    MeshError,
    ModelNotInstalled,
    Overloaded,
    Unavailable,
    UnreadableImage,
)

WAIT: Final = b"wait"
BUG: Final = b"bug"
WORDS_OF_BUG: Final = "secret in /srv/models/x.onnx"

FAULTS: Final[dict[bytes, type[MeshError]]] = {
    b"invalid": InvalidRequest,
    b"unreadable": UnreadableImage,
    b"full": Overloaded,
    b"no model": ModelNotInstalled,
    b"leaving": Unavailable,
}
Context = grpc.aio.ServicerContext[Any, Any]  # Any: the messages do not matter here


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC: `remaining_s` is the time until its deadline, in seconds."""

    request: Any  # Any: one of eight requests
    request_id: str
    remaining_s: float
    caller: str


@dataclass(slots=True)
class Stage:
    """Calls of the three servicers, and events of those told to wait."""

    calls: list[Call] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, request: Any, context: Context, *, word: bytes) -> None:  # Any: see Call
        """Note the call, then fail or wait as the word says."""
        metadata = dict(context.invocation_metadata() or ())
        request_id = str(metadata["x-request-id"])
        remaining_s = float(context.time_remaining() or 0)
        self.calls.append(Call(request, request_id, remaining_s, caller_of(context)))
        self.called.set()
        if word in FAULTS:
            raise FAULTS[word](f"{word.decode()}, said the service")
        if word == BUG:
            raise RuntimeError(WORDS_OF_BUG)
        if word == WAIT:
            await self._wait()

    async def _wait(self) -> None:
        self.waiting.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
