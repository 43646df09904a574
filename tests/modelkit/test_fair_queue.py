"""Queue of a model: its bound, and who leaves it; `test_batching_properties` has its order."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from modelkit.fair_queue import FairQueue
from servicekit.errors import Overloaded, Unavailable
from servicekit.telemetry import ModelMetrics
from tests.modelkit.virtual_time import run_in_virtual_time


class Stage:
    """Queue with one place and room for three, and work of a second for each request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        metrics = ModelMetrics(self.registry).of("test")
        self.queue = FairQueue("test", places=1, max_waiting=3, metrics=metrics)
        self.begun: list[str] = []

    async def _work(self, name: str) -> str:
        self.begun.append(name)
        await asyncio.sleep(1)
        return name

    def ask(self, name: str, *, caller: str = "a") -> asyncio.Task[str]:
        """Send a request."""
        return asyncio.create_task(self.queue.serve(partial(self._work, name), caller=caller))

    def count(self, metric: str) -> float | None:
        """Return the value of a metric."""
        return self.registry.get_sample_value(f"imagemesh_model_{metric}", {"task": "test"})


def on_stage(play: Callable[[Stage], Awaitable[None]]) -> None:
    """Run a test in virtual time."""

    async def main() -> None:
        await play(Stage())

    run_in_virtual_time(main())


def test_full_queue_is_overloaded_at_once() -> None:
    async def play(stage: Stage) -> None:
        asked = [stage.ask(name) for name in "1234"]
        await asyncio.sleep(0)
        assert stage.count("waiting") == 3

        with pytest.raises(Overloaded, match="test has 3 requests in its queue, the limit"):
            await stage.ask("5")

        assert asyncio.get_running_loop().time() == 0
        await asyncio.gather(*asked)
        assert stage.count("waiting") == 0

    on_stage(play)


@pytest.mark.parametrize("loop_turns", [0, 1, 2])
def test_request_that_leaves_as_its_turn_comes_passes_it_on(loop_turns: int) -> None:
    """Cancelled before its place is given, at once before, or before it could take it."""

    async def play(stage: Stage) -> None:
        loop = asyncio.get_running_loop()

        def cancel_in(turns: int) -> None:
            if turns:
                loop.call_soon(cancel_in, turns - 1)
            else:
                second.cancel()

        async def work() -> None:
            await asyncio.sleep(1)
            cancel_in(loop_turns)

        first = asyncio.create_task(stage.queue.serve(work, caller="a"))
        second, third = (stage.ask(name) for name in "23")
        await first

        assert await third == "3"
        assert second.cancelled()
        assert stage.begun == ["3"]

    on_stage(play)


def test_expired_request_leaves_at_its_time_and_never_begins() -> None:
    async def play(stage: Stage) -> None:
        first = stage.ask("1")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stage.ask("2"), 0.99)

        assert asyncio.get_running_loop().time() == pytest.approx(0.99)
        assert await first == "1"
        assert stage.begun == ["1"]
        assert stage.count("cancelled_total") == 1

    on_stage(play)


def test_closed_queue_refuses_waiting_and_new_requests_and_finishes_the_others() -> None:
    async def play(stage: Stage) -> None:
        first, second, third = (stage.ask(name, caller=name) for name in "123")
        await asyncio.sleep(0)

        stage.queue.close()

        for refused in (second, third, stage.ask("4")):
            with pytest.raises(Unavailable, match="test is shutting down"):
                await refused
        assert asyncio.get_running_loop().time() == 0
        assert await first == "1"
        assert stage.begun == ["1"]

    on_stage(play)


def test_caller_who_fills_the_queue_does_not_keep_others_out() -> None:
    async def play(stage: Stage) -> None:
        greedy = [stage.ask(name) for name in "1234"]
        await asyncio.sleep(0)

        assert await stage.ask("x", caller="b") == "x"

        with pytest.raises(Overloaded):
            await greedy[3]
        await asyncio.gather(*greedy[:3])
        assert stage.begun == ["1", "2", "x", "3"]

    on_stage(play)
