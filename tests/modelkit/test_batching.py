"""Batches: their items, faults of single items, and cancelled items."""

import asyncio
import gc
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from modelkit.batching import Batcher, BatchLimits
from modelkit.execution import ModelLost
from servicekit.errors import Overloaded
from servicekit.telemetry import ModelMetrics


class Model:
    """Model that holds each batch until released; items below 0 are bad."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_run = asyncio.Event()
        self.fault: Exception | None = None

    async def run(self, items: list[int]) -> Sequence[str]:
        """Answer each item with its words."""
        self.batches.append(items)
        await self.may_run.wait()
        if self.fault is not None:
            raise self.fault
        if any(item < 0 for item in items):
            raise ValueError(f"bad among {items}")
        return [str(item) for item in items]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def batcher(model: Model, registry: CollectorRegistry) -> Iterator[Batcher[int, str]]:
    """Return one of up to four items and a hundred bytes."""
    metrics = ModelMetrics(registry).of("test")
    limits = BatchLimits(max_items=4, max_bytes=100)
    yield Batcher[int, str](model.run, task="test", limits=limits, metrics=metrics)
    model.may_run.set()


async def turn() -> None:
    """Let what is ready happen; each step may make the next one ready."""
    for _ in range(10):
        await asyncio.sleep(0)


def ask(batcher: Batcher[int, str], *items: int, size_bytes: int = 0) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(batcher.answer(item, size_bytes=size_bytes)) for item in items]


async def test_one_item_starts_at_once_and_the_rest_joins_the_next_batch(
    batcher: Batcher[int, str], model: Model
) -> None:
    first = ask(batcher, 1)
    await turn()
    rest = ask(batcher, 2, 3, 4, 5, 6)
    await turn()
    assert model.batches == [[1]]

    model.may_run.set()

    assert await asyncio.gather(*first, *rest) == ["1", "2", "3", "4", "5", "6"]
    assert model.batches == [[1], [2, 3, 4, 5], [6]]


async def test_batch_has_a_size_in_bytes_too(batcher: Batcher[int, str], model: Model) -> None:
    model.may_run.set()

    await asyncio.gather(*ask(batcher, 1, 2, 3, size_bytes=50), *ask(batcher, 4, size_bytes=400))

    assert model.batches == [[1, 2], [3], [4]]


async def test_bad_items_fail_alone(batcher: Batcher[int, str], model: Model) -> None:
    model.may_run.set()

    outcomes = await asyncio.gather(*ask(batcher, 1, -2, 3, -4), return_exceptions=True)

    assert outcomes[0::2] == ["1", "3"]
    assert [str(outcome) for outcome in outcomes[1::2]] == ["bad among [-2]", "bad among [-4]"]


async def test_batch_that_is_too_large_for_memory_is_halved() -> None:
    sizes = []

    async def run(items: list[int]) -> Sequence[str]:
        sizes.append(len(items))
        if len(items) > 1:
            raise MemoryError
        return [str(item) for item in items]

    metrics = ModelMetrics(CollectorRegistry()).of("test")
    batcher = Batcher[int, str](run, task="test", limits=BatchLimits(), metrics=metrics)

    assert await asyncio.gather(*ask(batcher, 1, 2, 3)) == ["1", "2", "3"]
    assert sizes == [3, 1, 2, 1, 1]


async def test_item_that_is_too_large_even_alone_is_told_so() -> None:
    async def run(items: list[int]) -> Sequence[str]:
        if 9 in items:
            raise MemoryError(f"no room for {items}")
        return [str(item) for item in items]

    metrics = ModelMetrics(CollectorRegistry()).of("test")
    batcher = Batcher[int, str](run, task="test", limits=BatchLimits(), metrics=metrics)

    *answers, outcome = await asyncio.gather(*ask(batcher, 1, 2, 9), return_exceptions=True)

    assert answers == ["1", "2"]
    assert isinstance(outcome, Overloaded)
    assert str(outcome).endswith("send a smaller image or try again later")


async def test_wrong_number_of_answers_is_an_error_and_no_ones_answer() -> None:
    async def run(items: list[int]) -> Sequence[str]:
        return ["1"] * (len(items) + 1)

    metrics = ModelMetrics(CollectorRegistry()).of("test")
    batcher = Batcher[int, str](run, task="test", limits=BatchLimits(), metrics=metrics)

    outcomes = await asyncio.gather(*ask(batcher, 1, 2), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]


async def test_lost_model_fails_the_whole_batch_at_once(
    batcher: Batcher[int, str], model: Model
) -> None:
    model.fault = ModelLost("gone")
    model.may_run.set()

    outcomes = await asyncio.gather(*ask(batcher, 1, 2, 3), return_exceptions=True)

    assert [str(outcome) for outcome in outcomes] == ["gone"] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert model.batches == [[1, 2, 3]]


async def test_cancelled_item_never_runs(batcher: Batcher[int, str], model: Model) -> None:
    first = ask(batcher, 1)
    await turn()
    gone, stays = ask(batcher, 2, 3)
    await turn()

    gone.cancel()
    model.may_run.set()

    assert await asyncio.gather(*first, stays) == ["1", "3"]
    assert model.batches == [[1], [3]]


async def test_item_cancelled_in_the_turn_of_its_batch_never_runs(
    batcher: Batcher[int, str], model: Model
) -> None:
    gone, stays = ask(batcher, 2, 3)
    await asyncio.sleep(0)  # the items are ready, the batch is not made yet

    gone.cancel()
    model.may_run.set()

    assert await stays == "3"
    assert model.batches == [[3]]


async def test_cancel_within_a_batch_leaves_its_neighbors_and_ends_with_it(
    batcher: Batcher[int, str], model: Model
) -> None:
    gone, stays = ask(batcher, 1, 2)
    await turn()

    gone.cancel()
    await turn()
    assert not gone.done(), "what it holds is in use"
    model.may_run.set()

    assert await stays == "2"
    with suppress(asyncio.CancelledError):
        await gone
    assert gone.cancelled()
    assert model.batches == [[1, 2]]


async def test_cancel_within_a_retry_ends_with_it(registry: CollectorRegistry) -> None:
    may_end = asyncio.Event()

    async def run(items: list[int]) -> Sequence[str]:
        if len(items) > 1:
            raise ValueError("one of them")
        await may_end.wait()
        return [str(item) for item in items]

    metrics = ModelMetrics(registry).of("test")
    gone, stays = ask(
        Batcher[int, str](run, task="test", limits=BatchLimits(), metrics=metrics), 1, 2
    )
    await turn()

    gone.cancel()
    await turn()
    assert not gone.done(), "what it holds is in use"
    may_end.set()

    assert await stays == "2"
    assert gone.cancelled()


class Image:
    """An item that a weak reference can follow; it has megabytes."""


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_item_is_let_go_when_it_is_done(
    registry: CollectorRegistry, *, is_cancelled: bool
) -> None:
    """The batcher goes on, and is busy."""
    may_run = asyncio.Event()

    async def run(items: list[Image]) -> Sequence[str]:
        await may_run.wait()
        may_run.clear()
        return ["seen" for _ in items]

    metrics = ModelMetrics(registry).of("test")
    batcher = Batcher[Image, str](run, task="test", limits=BatchLimits(), metrics=metrics)
    busy = [asyncio.create_task(batcher.answer(Image()))]
    await turn()
    item = Image()
    held = weakref.ref(item)
    asked = asyncio.create_task(batcher.answer(item))
    await turn()

    if is_cancelled:
        asked.cancel()
    else:
        may_run.set()
        await turn()
        busy.append(asyncio.create_task(batcher.answer(Image())))
        may_run.set()
    await asyncio.wait((asked,))
    await turn()
    del item, asked
    gc.collect()

    assert held() is None
    may_run.set()
    assert await asyncio.gather(*busy) == ["seen"] * len(busy)


async def test_item_that_left_is_not_tried_again(batcher: Batcher[int, str], model: Model) -> None:
    bad, good, gone = ask(batcher, -1, 2, 3)
    await turn()

    gone.cancel()
    model.may_run.set()

    assert await good == "2"
    with pytest.raises(ValueError, match=r"bad among \[-1\]"):
        await bad
    assert model.batches == [[-1, 2, 3], [-1], [2]]


async def test_batches_are_measured(
    batcher: Batcher[int, str], model: Model, registry: CollectorRegistry
) -> None:
    model.may_run.set()

    await asyncio.gather(*ask(batcher, 1, 2, 3))

    labels = {"task": "test"}
    assert registry.get_sample_value("imagemesh_model_batch_size_sum", labels) == 3
    assert registry.get_sample_value("imagemesh_model_run_seconds_count", labels) == 1
    waits = {**labels, "stage": "batch"}
    assert registry.get_sample_value("imagemesh_model_queue_seconds_count", waits) == 3


async def test_model_is_busy_again_before_anybody_has_an_answer(
    registry: CollectorRegistry,
) -> None:
    seen: list[str] = []

    async def run(items: list[str]) -> Sequence[str]:
        seen.extend(f"runs {item}" for item in items)
        return items

    metrics = ModelMetrics(registry).of("test")
    batcher = Batcher[str, str](run, task="test", limits=BatchLimits(max_items=1), metrics=metrics)

    async def ask(item: str) -> None:
        seen.append(f"has {await batcher.answer(item)}")

    await asyncio.gather(ask("a"), ask("b"))

    assert seen == ["runs a", "runs b", "has a", "has b"]
