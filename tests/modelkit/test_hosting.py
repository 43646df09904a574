"""Faults of a model behind a real server, and the outcomes of its requests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import grpc
import pytest

from modelkit.decoding import DECODE_THREADS
from modelkit.hosting import ModelHost
from modelkit.settings import ModelServiceSettings
from servicekit.callers import terms_of
from servicekit.server import Service, serving
from tests.modelkit.held_jobs import HeldJob

NAME = "imagemesh.tests.v1.Acting"
ANSWERED = "OK"
SHED, LATE = "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"
MAX_BATCH = 8
PLACES = 2 * MAX_BATCH + DECODE_THREADS
WITHIN_S = 20.0

# Any: requests and answers are bytes, which no generated type knows.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Actor:
    """Model that acts on the first word of each request: say, poison, die, hold or hang."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.held = {"hold": HeldJob(), "hang": HeldJob()}

    def act(self, _: str, items: Sequence[bytes]) -> list[bytes]:
        """Answer a batch."""
        lines = [item.decode() for item in items]
        self.executed += lines
        words = {line.split()[0] for line in lines}
        for word in words & self.held.keys():
            self.held[word]()
        if "die" in words:
            raise SystemExit
        if "poison" in words:
            raise ValueError("one of these cannot be read")
        return list(items)


class Stage:
    """Server with the model, and a real channel to it."""

    def __init__(self, settings: ModelServiceSettings) -> None:
        self.host = ModelHost(settings)
        self.actor = Actor()
        self._slot = self.host.slot("acting", lambda: "loaded", self.actor.act, max_batch=MAX_BATCH)
        self._do: Any = None  # Any: as above

    async def ask(self, line: str, *, timeout_s: float = WITHIN_S) -> str:
        """Send a line and return the status of its answer."""
        try:
            answer = await self._do(line.encode(), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        assert answer == line.encode(), "crossed"
        return ANSWERED

    def ask_all(self, lines: Sequence[str]) -> list[asyncio.Task[str]]:
        """Send many at once."""
        return [asyncio.create_task(self.ask(line)) for line in lines]

    async def hold(self) -> asyncio.Task[str]:
        """Send a request that keeps the model busy until its job is opened."""
        holding = asyncio.create_task(self.ask("hold first"))
        await self.actor.held["hold"].wait_until_running()
        return holding

    def release(self) -> None:
        """Let the model go on."""
        self.actor.held["hold"].may_end.set()

    async def until(self, metric: str, value: float) -> None:
        """Wait until a metric of the model has a value."""
        registry = self.host.metrics.registry
        name, labels = f"imagemesh_model_{metric}", {"task": "acting"}
        async with asyncio.timeout(WITHIN_S):
            while registry.get_sample_value(name, labels) != value:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)

    async def until_answered(self) -> None:
        """Ask until there is an answer."""
        async with asyncio.timeout(WITHIN_S):
            while await self.ask("say again") != ANSWERED:
                pass

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
            for job in self.actor.held.values():
                job.may_end.set()

    def _register(self, server: grpc.aio.Server) -> None:
        do: Any = self._answer  # Any: the stubs know only synchronous handlers
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Do": grpc.unary_unary_rpc_method_handler(do)
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))

    async def _answer(self, request: bytes, context: Context) -> bytes:
        return await self._slot.serve(partial(self._slot.answer, request), **terms_of(context))


def on_stage(**changes: Any) -> Any:  # Any: the values of any field, and a context
    settings = ModelServiceSettings(**{"port": 0, "metrics_port": 0, **changes})
    return Stage(settings).served(settings)


async def test_four_poisoned_of_32_fail_and_nobody_else() -> None:
    lines = [f"{'poison' if number % 8 == 3 else 'say'} {number}" for number in range(32)]
    async with on_stage() as stage:
        holding = await stage.hold()
        asked = stage.ask_all(lines)
        await stage.until("waiting", 1 + 32 - PLACES)
        stage.release()

        statuses = await asyncio.gather(*asked)

        failed = [line for line, status in zip(lines, statuses, strict=True) if status != ANSWERED]
        assert failed == ["poison 3", "poison 11", "poison 19", "poison 27"]
        assert await holding == ANSWERED


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
        assert stage.actor.executed == ["hold first", "say after"]


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


async def test_request_that_runs_out_of_time_in_the_queue_never_runs() -> None:
    async with on_stage() as stage:
        holding = await stage.hold()

        late = await stage.ask("say late", timeout_s=0.05)
        await stage.until("cancelled_total", 1)
        stage.release()

        assert (late, await holding) == (LATE, ANSWERED)
        assert await stage.ask("say after") == ANSWERED
        assert stage.actor.executed == ["hold first", "say after"]


@pytest.mark.parametrize("word", ["die", "hang"])
async def test_lost_model_makes_its_batch_unavailable_and_is_back(word: str) -> None:
    lines = [*(f"say {number}" for number in range(7)), f"{word} 7"]
    async with on_stage(max_run_s=0.5) as stage:
        asked = stage.ask_all(lines)

        statuses = Counter(await asyncio.gather(*asked))
        await stage.until_answered()

        assert statuses.keys() <= {ANSWERED, "UNAVAILABLE"}
        assert statuses["UNAVAILABLE"] >= 1
