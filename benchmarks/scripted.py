"""A service whose model does what each request says: python -m benchmarks.scripted.

It is served like every service of the mesh, line, batches and supervision included; only its model
is an actor. A request is a word and a name, such as `poison 7`; it is answered with itself.

    say NAME        is answered
    poison NAME     raises, and fails every batch that it is part of
    die NAME        ends the thread of the model
    hold NAME       takes a second

A batch takes 60 ms and 5 ms for each item, as a model on a small GPU might. `Executed` returns all
that the model has been given, one request a line.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import grpc
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelkit.hosting import ModelHost
from modelkit.settings import ModelServiceSettings
from servicekit.callers import caller_of
from servicekit.server import Service, run
from servicekit.settings import load_settings

NAME = "imagemesh.benchmark.v1.Scripted"
BATCH_S, ITEM_S, HOLD_S = 0.060, 0.005, 1.0

# Any: requests and answers are bytes, which no generated type knows.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ScriptedSettings(ModelServiceSettings):
    """What the service can be told."""

    model_config = SettingsConfigDict(env_prefix="SCRIPTED_", frozen=True)

    port: int = Field(default=50060, ge=0, le=65535, description="gRPC port.")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Port of the metrics.")


class Actor:
    """The model; it outlives its thread, so that its memory can be asked."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def act(self, _: str, items: Sequence[bytes]) -> list[bytes]:
        """Do what the items say."""
        lines = [item.decode() for item in items]
        self.executed += lines
        words = {line.split()[0] for line in lines}
        time.sleep(HOLD_S if "hold" in words else BATCH_S + ITEM_S * len(items))
        if "die" in words:
            raise SystemExit
        if "poison" in words:
            raise ValueError("one of these cannot be read")
        return list(items)


class Stage:
    """The RPCs."""

    def __init__(self, settings: ScriptedSettings) -> None:
        self.host = ModelHost(settings)
        self._actor = Actor()
        self._slot = self.host.slot("scripted", lambda: "loaded", self._actor.act)

    async def do(self, request: bytes, context: Context) -> bytes:
        """Answer a request through line and batch."""

        async def work(_: str) -> bytes:
            return await self._slot.answer(request, size_bytes=len(request))

        return await self._slot.serve(
            work, caller=caller_of(context), timeout_s=context.time_remaining()
        )

    async def executed(self, _: bytes, __: Context) -> bytes:
        """Return what the model was given."""
        return "\n".join(self._actor.executed).encode()

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPCs to a server."""
        # Any: the stubs know only synchronous handlers.
        methods: dict[str, Any] = {"Do": self.do, "Executed": self.executed}
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load_settings(ScriptedSettings)
    stage = Stage(settings)
    service = partial(Service, NAME, stage.register, stage.host.load, stage.host.close)
    run(service(health=stage.host.health, metrics=stage.host.metrics), settings)


if __name__ == "__main__":
    main()
