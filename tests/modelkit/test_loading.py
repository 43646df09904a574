"""Slot of a model: loaded, empty, lost and loaded again."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from modelkit.loading import FIRST_PAUSE_S, ModelSlot
from servicekit.errors import ModelNotInstalled, Overloaded, Unavailable
from servicekit.health import Health
from servicekit.telemetry import ModelMetrics
from tests.modelkit.held_jobs import HeldJob

ITEMS = ("die", "a", "b", "c", "d", "e", "f", "g")


class Model:
    """Model that answers with the name of its thread; its items make it die, hang or fail."""

    def __init__(self) -> None:
        self.loads = 0
        self.faults: list[Exception] = []
        self.job = HeldJob()
        self.may_reload = threading.Event()
        self.may_reload.set()

    def load(self) -> str:
        """Return the name of the thread, or fail while there is a fault left."""
        self.loads += 1
        if self.loads > 1:
            assert self.may_reload.wait(10)
        if self.faults and self.loads > 1:
            raise self.faults.pop()
        return threading.current_thread().name

    def answer(self, loaded: str, items: list[str]) -> Sequence[str]:
        """Do what the items say."""
        if "die" in items:
            raise SystemExit
        if "hang" in items:
            self.job()
        if "fill" in items:
            raise MemoryError(f"no room for {items}")
        return [f"{item} by {loaded}" for item in items]


class Setting:
    """Slot with its health and its metrics."""

    def __init__(self, model: Model, *, max_run_s: float = 30.0) -> None:
        self.health = Health()
        self.registry = CollectorRegistry()
        self.slot = ModelSlot[str, str, str](
            "test",
            load=model.load,
            compute=model.answer,
            max_batch=2,
            max_waiting=2,
            max_run_s=max_run_s,
            metrics=ModelMetrics(self.registry).of("test"),
            health=self.health,
        )

    async def ask(self, item: str, timeout_s: float | None = 10) -> str:
        """Send a request."""
        async with asyncio.timeout(timeout_s):
            return await self.slot.serve(partial(self.slot.answer, item), caller="a")

    async def until(self, *, is_well: bool) -> None:
        """Wait for the health that is wished."""
        async with asyncio.timeout(10):
            while self.health.is_well is not is_well:
                await self.health.changed()


@asynccontextmanager
async def loaded(model: Model, *, max_run_s: float = 30.0) -> AsyncIterator[Setting]:
    setting = Setting(model, max_run_s=max_run_s)
    await setting.slot.load()
    yield setting
    model.job.may_end.set()
    setting.slot.close()


async def test_model_answers_in_the_thread_that_loaded_it() -> None:
    async with loaded(Model()) as setting:
        assert await setting.ask("hello") == "hello by test"
        assert setting.slot.loaded == "test"


async def test_missing_model_is_remembered_and_told_to_every_caller() -> None:
    def load() -> str:
        raise ModelNotInstalled("run `imagemesh models pull net`")

    model = Model()
    model.load = load  # type: ignore[method-assign]  # this one is written by hand too
    setting = Setting(model)
    await setting.slot.load()

    for _ in range(2):
        with pytest.raises(ModelNotInstalled, match="run `imagemesh models pull net`"):
            await setting.ask("hello")
    assert not setting.health.is_well
    setting.slot.close()


async def test_other_faults_of_loading_are_raised() -> None:
    def load() -> str:
        raise ValueError("not the file it should be")

    model = Model()
    model.load = load  # type: ignore[method-assign]  # as above
    setting = Setting(model)

    with pytest.raises(ValueError, match="not the file it should be"):
        await setting.slot.load()


async def test_request_before_the_model_is_loaded_is_unavailable() -> None:
    setting = Setting(Model())

    with pytest.raises(Unavailable, match="test is being loaded"):
        await setting.ask("hello")


async def test_dead_model_fails_all_its_requests_at_once_and_is_loaded_again() -> None:
    model = Model()
    model.may_reload.clear()
    async with loaded(model) as setting:
        # Two are in the deadly batch, four behind it, two in the queue.
        outcomes = await asyncio.gather(*map(setting.ask, ITEMS), return_exceptions=True)
        assert not setting.health.is_well
        with pytest.raises(Unavailable):
            await setting.ask("too early")

        model.may_reload.set()
        await setting.until(is_well=True)

        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert await setting.ask("hello") == "hello by test"
        assert model.loads == 2
        assert (
            setting.registry.get_sample_value("imagemesh_model_losses_total", {"task": "test"}) == 1
        )


async def test_hanging_model_is_given_up_and_loaded_again() -> None:
    model = Model()
    async with loaded(model, max_run_s=0.05) as setting:
        with pytest.raises(Unavailable, match="hangs"):
            await setting.ask("hang")
        await setting.until(is_well=True)

        assert await setting.ask("hello") == "hello by test"
        model.job.may_end.set()


async def test_model_that_hangs_twice_is_loaded_again_once_its_threads_end() -> None:
    """Each that hangs still holds the memory of its model."""
    model = Model()
    async with loaded(model, max_run_s=0.05) as setting:
        for _ in range(2):
            await setting.until(is_well=True)
            with pytest.raises(Unavailable, match="hangs"):
                await setting.ask("hang")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(FIRST_PAUSE_S + 0.3):
                await setting.until(is_well=True)

        model.job.may_end.set()
        await setting.until(is_well=True)

        assert await setting.ask("hello") == "hello by test"
        assert model.loads == 3


async def test_model_that_cannot_be_loaded_again_is_tried_again() -> None:
    model = Model()
    model.faults = [OSError("disk")]
    async with loaded(model) as setting:
        with suppress(Unavailable):
            await setting.ask("die")
        await setting.until(is_well=True)

        assert model.loads == 3
        assert await setting.ask("hello") == "hello by test"


async def test_batch_without_memory_leaves_the_model_and_a_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with loaded(Model()) as setting:
        filled, answer = await asyncio.gather(
            setting.ask("fill"), setting.ask("hello"), return_exceptions=True
        )

        assert isinstance(filled, Overloaded)
        assert answer == "hello by test"
        assert setting.health.is_well

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    warnings = [line for line in lines if line["level"] == "warning"]
    assert [(line["event"], line["task"], line["items"]) for line in warnings] == [
        ("batch too large", "test", 2),
        ("batch too large", "test", 1),
    ]


async def test_close_finishes_the_running_batch_and_refuses_the_rest() -> None:
    model = Model()
    async with loaded(model) as setting:
        asked = [asyncio.create_task(setting.ask("hang")) for _ in ITEMS]
        await model.job.wait_until_running()
        model.job.may_end.set()

        setting.slot.close()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)

        assert outcomes[0] == "hang by test"
        assert all(isinstance(outcome, str | Unavailable) for outcome in outcomes)
        assert isinstance(outcomes[-1], Unavailable)
        assert setting.health.is_well
        with pytest.raises(Unavailable):
            await setting.ask("late")


async def test_close_waits_for_a_model_that_is_still_being_loaded() -> None:
    """A thread in native code that outlives Python aborts the process."""
    model = Model()
    loads = HeldJob()
    model.load = loads  # type: ignore[method-assign]  # it takes no self
    setting = Setting(model)
    loading = asyncio.create_task(setting.slot.load())
    await loads.wait_until_running()
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)

    threading.Timer(0.1, loads.may_end.set).start()
    setting.slot.close()

    assert "test" not in [thread.name for thread in threading.enumerate()]
