"""Queue of a model that takes one item at a time."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from modelkit.batching import SingleRunner
from modelkit.execution import ModelThread
from modelkit.stopping import Stopped, check_stop
from servicekit.errors import Overloaded
from servicekit.telemetry import ModelMetrics
from servicekit.turns import CALLER


class Model:
    """Model whose runs end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ends: dict[int, asyncio.Future[Sequence[str]]] = {}
        self.runner = SingleRunner[int, str](
            self.run, task="test", metrics=ModelMetrics(CollectorRegistry()).of("test"), in_thread=2
        )

    async def run(self, items: list[int]) -> Sequence[str]:
        """Wait for the end of the run."""
        (item,) = items
        self.begun.append(item)
        self.ends[item] = asyncio.get_running_loop().create_future()
        return await self.ends[item]

    async def ask(self, count: int) -> list[asyncio.Task[str]]:
        """Ask for the answers to so many items, in their order."""
        tasks = [asyncio.create_task(self.runner.answer(item)) for item in range(count)]
        await turns()
        return tasks


async def turns() -> None:
    """Let everything go on that is ready."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_items_run_in_the_order_of_their_arrival_and_one_ahead() -> None:
    model = Model()
    tasks = await model.ask(4)
    assert model.begun == [0, 1]

    for item in range(4):
        model.ends[item].set_result([f"answer {item}"])
        await turns()

    assert [await task for task in tasks] == [f"answer {item}" for item in range(4)]
    assert model.begun == [0, 1, 2, 3]


async def test_callers_take_turns() -> None:
    model = Model()
    await model.ask(4)
    CALLER.set("other")
    other = asyncio.create_task(model.runner.answer(9))
    await turns()

    model.ends[0].set_result(["answer 0"])
    await turns()
    model.ends[1].set_result(["answer 1"])
    await turns()

    assert model.begun == [0, 1, 2, 9]
    other.cancel()


async def test_item_cancelled_before_its_run_never_runs() -> None:
    model = Model()
    tasks = await model.ask(4)

    tasks[2].cancel()
    for item in (0, 1, 3):
        await turns()
        model.ends[item].set_result(["done"])

    assert await tasks[3] == "done"
    assert model.begun == [0, 1, 3]


async def test_item_cancelled_in_its_run_ends_with_the_run() -> None:
    model = Model()
    (task,) = await model.ask(1)

    task.cancel()
    await turns()
    assert not task.done()
    model.ends[0].set_result(["too late"])

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_run_whose_caller_is_gone_stops_at_its_next_step() -> None:
    thread = ModelThread("test")
    running = threading.Event()
    outcomes: list[type[BaseException]] = []

    def step_forever(_: int) -> Sequence[str]:
        try:
            while True:
                check_stop()
                running.set()
        except Stopped:
            outcomes.append(Stopped)
            raise

    async def run(items: list[int]) -> Sequence[str]:
        step = step_forever if items == [0] else check_and_answer
        return await thread.run(step, items[0])

    def check_and_answer(item: int) -> Sequence[str]:
        check_stop()
        return [f"answer {item}"]

    metrics = ModelMetrics(CollectorRegistry()).of("test")
    runner = SingleRunner[int, str](run, task="test", metrics=metrics)
    gone = asyncio.create_task(runner.answer(0))
    assert await asyncio.to_thread(running.wait, 10)
    other = asyncio.create_task(runner.answer(1))

    gone.cancel()

    async with asyncio.timeout(10):
        assert await other == "answer 1"
    assert gone.cancelled()
    assert outcomes == [Stopped]
    thread.close()


async def test_failed_item_leaves_its_neighbors_alone() -> None:
    model = Model()
    tasks = await model.ask(3)

    model.ends[0].set_exception(ValueError("bad image"))
    model.ends[1].set_exception(MemoryError())
    await turns()
    model.ends[2].set_result(["fine"])

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], ValueError)
    assert isinstance(outcomes[1], Overloaded)
    assert outcomes[2] == "fine"
