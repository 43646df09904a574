"""Cancels and overload of a model behind a real server; other faults are in `test_loading`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import grpc

from modelkit.decoding import DECODE_THREADS
from modelkit.hosting import ModelHost
from modelkit.settings import ModelServiceSettings
from servicekit.callers import caller_of
from servicekit.server import Service, serving
from tests.modelkit.held_jobs import HeldJob

NAME = "imagemesh.tests.v1.Acting"
ANSWERED = "OK"
SHED = "RESOURCE_EXHAUSTED"
MAX_BATCH = 8
PLACES = 2 * MAX_BATCH + DECODE_THREADS
WITHIN_S = 20.0

# Any: requests and answers are bytes, which no generated type knows.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Actor:
    """Model that returns what it is sent, and holds a batch with the word "hold"."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.held = HeldJob()

    def act(self, _: str, items: Sequence[bytes]) -> list[bytes]:
        """Answer a batch."""
        lines = [item.decode() for item in items]
        self.executed += lines
        if "hold" in lines:
            self.held()
        return list(items)


class Stage:
    """Server with the model, and a real channel to it."""

    def __init__(self, settings: ModelServiceSettings) -> None:
        self.host = ModelHost(settings)
        self.actor = Actor()
        self._slot = self.host.slot("acting", lambda: "loaded", self.actor.act, max_batch=MAX_BATCH)
        self._do: Any = None  # Any: as above

    async def ask(self, line: str) -> str:
        """Send a line and return the status of its answer."""
        try:
            answer = await self._do(line.encode(), timeout=WITHIN_S)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        assert answer == line.encode(), "crossed"
        return ANSWERED

    def ask_all(self, lines: Sequence[str]) -> list[asyncio.Task[str]]:
        """Send many at once."""
        return [asyncio.create_task(self.ask(line)) for line in lines]

    async def hold(self) -> asyncio.Task[str]:
        """Send a request that keeps the model busy until its job is opened."""
        holding = asyncio.create_task(self.ask("hold"))
        await self.actor.held.wait_until_running()
        return holding

    def release(self) -> None:
        """Let the model go on."""
        self.actor.held.may_end.set()

    async def until(self, metric: str, value: float) -> None:
        """Wait until a metric of the model has a value."""
        registry = self.host.metrics.registry
        name, labels = f"imagemesh_model_{metric}", {"task": "acting"}
        async with asyncio.timeout(WITHIN_S):
            while registry.get_sample_value(name, labels) != value:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)

    @asynccontextmanager
    async def served(self, settings: ModelServiceSettings) -> AsyncIterator["Stage"]:
        """Serve, and connect; nothing is sent again, unlike in the mesh."""
        service = Service(NAME, self._register, self.host.load, self.host.close, self.host.health)
        options = [("grpc.enable_retries", 0)]
        async with (
            serving(service, settings) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel,
        ):
            self._do = channel.unary_unary(f"/{NAME}/Do")
            yield self
            self.release()

    def _register(self, server: grpc.aio.Server) -> None:
        do: Any = self._answer  # Any: the stubs know only synchronous handlers
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Do": grpc.unary_unary_rpc_method_handler(do)
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))

    async def _answer(self, request: bytes, context: Context) -> bytes:
        return await self._slot.serve(
            partial(self._slot.answer, request), caller=caller_of(context)
        )


def on_stage(**changes: Any) -> Any:  # Any: the values of any field, and a context
    settings = ModelServiceSettings(**{"port": 0, "metrics_port": 0, **changes})
    return Stage(settings).served(settings)


async def test_cancelled_requests_never_run_and_the_next_is_answered() -> None:
    async with on_stage() as stage:
        holding = await stage.hold()
        gone = stage.ask_all([f"say {number}" for number in range(32)])
        await stage.until("waiting", 1 + 32 - PLACES)

        for task in gone:
            task.cancel()
        await stage.until("cancelled_total", 32)
        stage.release()

        assert await stage.ask("say after") == ANSWERED
        assert await holding == ANSWERED
        assert stage.actor.executed == ["hold", "say after"]


async def test_overload_is_refused_while_the_model_is_busy_and_all_others_are_answered() -> None:
    accepted = PLACES - 1 + 4
    # A caller alone gets two thirds.
    async with on_stage(max_concurrent_rpcs=3 * (1 + accepted) // 2) as stage:
        holding = await stage.hold()
        ended = asyncio.as_completed(stage.ask_all([f"say {number}" for number in range(100)]))

        refused = [await next(ended) for _ in range(100 - accepted)]
        stage.release()

        assert Counter(refused) == {SHED: 100 - accepted}
        assert Counter([await one for one in ended]) == {ANSWERED: accepted}
        assert await holding == ANSWERED
