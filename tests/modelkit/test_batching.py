"""Queues of a model, one item at a time or in batches; `test_batching_properties` has the rest."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Sequence
from typing import Any, TypeAlias

import pytest
from prometheus_client import CollectorRegistry

from modelkit.batching import Batcher, SingleRunner
from modelkit.execution import ModelThread
from modelkit.stopping import Stopped, check_stop
from servicekit.errors import Overloaded
from servicekit.telemetry import ModelMetrics
from servicekit.turns import CALLER

Queue: TypeAlias = Batcher[Any, str] | SingleRunner[Any, str]  # Any: numbers and images


class Model:
    """Model whose runs end when the test says so."""

    def __init__(self) -> None:
        self.runs: list[list[Any]] = []
        self.ends: list[asyncio.Future[Sequence[str]]] = []
        self.registry = CollectorRegistry()
        self.metrics = ModelMetrics(self.registry).of("test")

    def run(self, items: list[Any]) -> asyncio.Future[Sequence[str]]:
        """Begin a run."""
        self.runs.append([id(item) if isinstance(item, Image) else item for item in items])
        self.ends.append(asyncio.get_running_loop().create_future())
        return self.ends[-1]

    async def end(self, run: int, *, fault: Exception | None = None) -> None:
        """End a run, and let what is ready go on."""
        if fault is None:
            self.ends[run].set_result([f"answer {item}" for item in self.runs[run]])
        else:
            self.ends[run].set_exception(fault)
        await turns()


class Image:
    """An item that a weak reference can follow; it has megabytes."""


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def batcher(model: Model) -> Batcher[Any, str]:
    return Batcher[Any, str](model.run, task="test", max_items=4, metrics=model.metrics)


@pytest.fixture
def runner(model: Model) -> SingleRunner[Any, str]:
    return SingleRunner[Any, str](model.run, task="test", metrics=model.metrics)


async def turns() -> None:
    """Let everything go on that is ready; each step may make the next one ready."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ask(queue: Queue, *items: object) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(queue.answer(item)) for item in items]
    await turns()
    return tasks


async def test_one_item_starts_at_once_and_the_rest_joins_the_next_batch(
    batcher: Batcher[Any, str], model: Model
) -> None:
    await ask(batcher, 1)
    await ask(batcher, 2, 3, 4, 5, 6)
    assert model.runs == [[1]]

    await model.end(0)
    await model.end(1)

    assert model.runs == [[1], [2, 3, 4, 5], [6]]


async def test_item_cancelled_in_the_turn_of_its_batch_never_runs(
    batcher: Batcher[Any, str], model: Model
) -> None:
    gone, _ = (asyncio.create_task(batcher.answer(item)) for item in (2, 3))
    await asyncio.sleep(0)  # the items are ready, the batch is not made yet

    gone.cancel()
    await turns()

    assert model.runs == [[3]]


async def test_item_that_left_ends_with_its_run_and_is_not_tried_again(
    batcher: Batcher[Any, str], model: Model
) -> None:
    _, good, gone = await ask(batcher, 1, 2, 3)

    gone.cancel()
    await turns()
    assert not gone.done(), "what it holds is in use"
    await model.end(0, fault=ValueError("one of them"))
    await model.end(1, fault=ValueError("this one"))
    await model.end(2)

    assert gone.cancelled()
    assert await good == "answer 2"
    assert model.runs == [[1, 2, 3], [1], [2]]


async def test_cancel_within_a_retry_ends_with_it(batcher: Batcher[Any, str], model: Model) -> None:
    gone, stays = await ask(batcher, 1, 2)
    await model.end(0, fault=ValueError("one of them"))

    gone.cancel()
    await turns()
    assert not gone.done(), "what it holds is in use"
    await model.end(1)
    await model.end(2)

    assert await stays == "answer 2"
    assert gone.cancelled()


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_item_is_let_go_when_it_is_done(
    batcher: Batcher[Any, str], model: Model, *, is_cancelled: bool
) -> None:
    """The batcher goes on, and is busy."""
    await ask(batcher, 1)
    item = Image()
    held = weakref.ref(item)
    (asked,) = await ask(batcher, item)

    if is_cancelled:
        asked.cancel()
        await turns()
    else:
        await model.end(0)
        await ask(batcher, 2)
        await model.end(1)
    assert asked.done()
    del item, asked
    gc.collect()

    assert held() is None


async def test_batches_are_measured(batcher: Batcher[Any, str], model: Model) -> None:
    await ask(batcher, 1, 2, 3)

    await model.end(0)

    labels, value = {"task": "test"}, model.registry.get_sample_value
    assert value("imagemesh_model_batch_size_sum", labels) == 3
    assert value("imagemesh_model_run_seconds_count", labels) == 1
    waits = {**labels, "stage": "batch"}
    assert value("imagemesh_model_queue_seconds_count", waits) == 3


async def test_model_is_busy_again_before_anybody_has_an_answer(model: Model) -> None:
    batcher = Batcher[Any, str](model.run, task="test", max_items=1, metrics=model.metrics)
    (first, _) = await ask(batcher, 1, 2)
    runs_then: list[int] = []
    first.add_done_callback(lambda _: runs_then.append(len(model.runs)))

    await model.end(0)

    assert runs_then == [2]


async def test_single_items_run_in_their_order(
    runner: SingleRunner[Any, str], model: Model
) -> None:
    tasks = await ask(runner, 0, 1, 2, 3)
    assert model.runs == [[0]]

    for run in range(4):
        await model.end(run)

    assert [await task for task in tasks] == [f"answer {item}" for item in range(4)]
    assert model.runs == [[0], [1], [2], [3]]


async def test_callers_of_single_items_take_turns(
    runner: SingleRunner[Any, str], model: Model
) -> None:
    await ask(runner, 0, 1, 2, 3)
    CALLER.set("other")
    await ask(runner, 9)

    await model.end(0)
    await model.end(1)

    assert model.runs == [[0], [1], [9]]


async def test_single_item_cancelled_before_its_run_never_runs_and_ends_with_it_afterwards(
    runner: SingleRunner[Any, str], model: Model
) -> None:
    running, waiting, _ = await ask(runner, 0, 1, 2)

    running.cancel()
    waiting.cancel()
    await turns()
    assert (running.done(), waiting.done()) == (False, True)
    await model.end(0)

    assert running.cancelled()
    assert model.runs == [[0], [2]]


async def test_failed_single_item_leaves_its_neighbors_alone(
    runner: SingleRunner[Any, str], model: Model
) -> None:
    tasks = await ask(runner, 0, 1, 2)

    await model.end(0, fault=ValueError("bad image"))
    await model.end(1, fault=MemoryError())
    await model.end(2)

    bad, large, fine = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(bad, ValueError)
    assert isinstance(large, Overloaded)
    assert str(large).endswith("send a smaller image or try again later")
    assert fine == "answer 2"


async def test_run_whose_caller_is_gone_stops_at_its_next_step(model: Model) -> None:
    thread = ModelThread("test")
    running = threading.Event()
    outcomes: list[type[BaseException]] = []

    def step_forever(_: list[int]) -> Sequence[str]:
        try:
            while True:
                check_stop()
                running.set()
        except Stopped:
            outcomes.append(Stopped)
            raise

    def check_and_answer(_: list[int]) -> Sequence[str]:
        check_stop()
        return ["answer"]

    def run(items: list[int]) -> asyncio.Future[Sequence[str]]:
        return thread.run(step_forever if items == [0] else check_and_answer, items)

    runner = SingleRunner[int, str](run, task="test", metrics=model.metrics)
    gone = asyncio.create_task(runner.answer(0))
    assert await asyncio.to_thread(running.wait, 10)
    other = asyncio.create_task(runner.answer(1))

    gone.cancel()

    async with asyncio.timeout(10):
        assert await other == "answer"
    assert gone.cancelled()
    assert outcomes == [Stopped]
    thread.close()
