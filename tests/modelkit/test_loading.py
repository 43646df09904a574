"""The place of a model in a service, filled or empty."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from modelkit.loading import LoadedModel, ModelSlot
from modelkit.manifest import ModelEntry
from servicekit.errors import ModelNotInstalled, Unavailable


@pytest.fixture
async def slot() -> AsyncIterator[ModelSlot[str]]:
    place = ModelSlot[str]("classify", max_waiting=4)
    yield place
    place.close()


async def test_loaded_model_is_given_to_its_functions(
    slot: ModelSlot[str], entry: ModelEntry
) -> None:
    await slot.load(lambda: LoadedModel("a model", entry, "cpu"))

    words = await slot.run(str.split, " ", timeout_s=5)

    assert words == ["a", "model"]
    assert slot.loaded.entry is entry
    assert slot.loaded.device == "cpu"


async def test_model_is_loaded_in_the_thread_that_runs_it(
    slot: ModelSlot[str], entry: ModelEntry
) -> None:
    def name_of_thread(model: str) -> tuple[str, str]:
        return model, threading.current_thread().name

    await slot.load(lambda: LoadedModel(threading.current_thread().name, entry, "cpu"))

    loader, runner = await slot.run(name_of_thread, timeout_s=5)

    assert loader == runner
    assert loader != threading.current_thread().name


async def test_missing_model_is_remembered_and_told_to_every_caller(slot: ModelSlot[str]) -> None:
    def loader() -> LoadedModel[str]:
        raise ModelNotInstalled("run `imagemesh models pull net`")

    await slot.load(loader)

    for _ in range(2):
        with pytest.raises(ModelNotInstalled, match="run `imagemesh models pull net`"):
            await slot.run(str.split, timeout_s=5)
    with pytest.raises(ModelNotInstalled):
        _ = slot.loaded


async def test_other_faults_of_loading_are_raised(slot: ModelSlot[str]) -> None:
    def loader() -> LoadedModel[str]:
        raise ValueError("not the file it should be")

    with pytest.raises(ValueError, match="not the file it should be"):
        await slot.load(loader)


async def test_request_before_the_model_is_loaded_is_unavailable(slot: ModelSlot[str]) -> None:
    with pytest.raises(Unavailable, match="classify is being loaded"):
        await slot.run(str.split, timeout_s=5)


async def test_closed_slot_is_unavailable(entry: ModelEntry) -> None:
    slot = ModelSlot[str]("classify", max_waiting=4)
    await slot.load(lambda: LoadedModel("a model", entry, "cpu"))

    await asyncio.to_thread(slot.close)

    with pytest.raises(Unavailable, match="shutting down"):
        await slot.run(str.split, timeout_s=5)
