"""Slot of one model in a service: its queue, its thread, and its reload after a loss."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Generic, TypeVar

from modelkit.batching import Batcher, SingleRunner
from modelkit.decoding import DECODE_THREADS
from modelkit.execution import CLOSE_WITHIN_S, ModelLost, ModelThread
from modelkit.fair_queue import FairQueue
from modelkit.manifest import InstalledModel, ModelEntry
from modelkit.runtime import Network
from servicekit.errors import NotInstalled, Unavailable
from servicekit.health import Health
from servicekit.logs import get_logger
from servicekit.telemetry import TaskMetrics

Model = TypeVar("Model")
Other = TypeVar("Other")
Loaded = TypeVar("Loaded")
Item = TypeVar("Item")
Answer = TypeVar("Answer")
Result = TypeVar("Result")

# Between attempts to load a lost model again; the first one is made at once.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LOAD_WITHIN_S = 300.0
# Threads that hang and still hold their model; with more there is no memory for another one.
MOST_HANGING = 2

log = get_logger("modelkit")


@dataclass(frozen=True, slots=True)
class LoadedModel(Generic[Model]):
    """Model that is ready.

    Attributes:
        model: The object that computes.
        entry: Its entry in the manifest.
        device: Where it computes, such as "cpu" or "cuda".
        provider: Runtime that computes it, such as "CPUExecutionProvider".
        parts: Further models that it works with.
    """

    model: Model
    entry: ModelEntry
    device: str
    provider: str
    parts: "tuple[LoadedModel[Any], ...]" = ()  # Any: models of other kinds

    def with_model(self, model: Other) -> "LoadedModel[Other]":
        """Return another model that the same networks compute."""
        return LoadedModel(model, self.entry, self.device, self.provider, self.parts)

    def named(self) -> dict[str, str]:
        """Return the fields of the message that names the model in an answer."""
        return {
            "name": self.entry.name,
            "version": self.entry.version,
            "device": self.device,
            "provider": self.provider,
        }


def loaded_model(
    model: Model,
    found: InstalledModel,
    network: Network,
    *,
    parts: tuple[LoadedModel[Any], ...] = (),  # Any: models of other kinds
) -> LoadedModel[Model]:
    """Return a model with the device and the provider of the network that computes it."""
    return LoadedModel(model, found.entry, network.device, network.provider, parts)


class ModelSlot(Generic[Loaded, Item, Answer]):
    """Slot of one model in a service; it may stay empty while the other slots work.

    The model lives in a thread of its own. When that dies or hangs, its requests are Unavailable
    at once, the service reports NOT_SERVING, and the model is loaded again in another thread.

    Args:
        task: Names the thread, and the model in messages, logs and metrics.
        load: Returns the model; runs in the thread.
        compute: Answers a batch with the model; runs in the thread.
        max_batch: Most items that the model computes together.
        max_waiting: Most requests in the queue behind those that are worked on.
        max_run_s: A batch that takes longer hangs: its model is abandoned and loaded again.
        metrics: Of this task.
        health: Reports the loss and the return of the model.
    """

    def __init__(
        self,
        task: str,
        *,
        load: Callable[[], Loaded],
        compute: Callable[[Loaded, list[Item]], Sequence[Answer]],
        max_batch: int = 1,
        max_waiting: int,
        max_run_s: float,
        metrics: TaskMetrics,
        health: Health,
    ) -> None:
        self._task = task
        self._load = load
        self._compute = compute
        self._max_run_s = max_run_s
        self._metrics = metrics
        self._health = health
        # One batch is computed, one is ready, and no decoder thread is idle.
        places = 2 * max_batch + DECODE_THREADS
        self._queue = FairQueue(
            task, places=places, reserved=places, max_waiting=max_waiting, metrics=metrics
        )
        self._items: SingleRunner[Item, Answer] | Batcher[Item, Answer]
        if max_batch == 1:
            self._items = SingleRunner(self._run, task=task, metrics=metrics)
        else:
            self._items = Batcher(self._run, task=task, max_items=max_batch, metrics=metrics)
        self._thread: ModelThread | None = None
        self._loaded: Loaded | None = None
        self._missing: NotInstalled | None = None
        self._pause_s = 0.0  # before the next attempt to load it again
        self._hanging: list[ModelThread] = []
        self._revival: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_loaded(self) -> bool:
        """Whether the model is here."""
        return self._loaded is not None

    @property
    def loaded(self) -> Loaded:
        """The model.

        Raises:
            NotInstalled: It is not on this machine; the message names the command.
            Unavailable: It is not loaded yet, or lost and not back yet.
        """
        if self._missing is not None:
            # A new instance each time: a raised error keeps the traceback of every raise.
            raise type(self._missing)(str(self._missing)) from self._missing
        if self._loaded is None:
            raise Unavailable(f"the model of {self._task} is being loaded; try again later")
        return self._loaded

    async def load(self) -> None:
        """Load the model; the service is NOT_SERVING without one that is not installed."""
        try:
            await self._load_in(ModelThread(self._task))
        except NotInstalled as error:
            self._missing = error
            self._health.report(self._task, is_well=False)
            # Without its trace: the reason says all.
            log.error("model not ready", task=self._task, reason=str(error))  # noqa: TRY400

    async def serve(
        self,
        # Any: a coroutine is asked for nothing but its result.
        work: Callable[[], Coroutine[Any, Any, Result]],
        *,
        caller: str,
    ) -> Result:
        """Run `work`, which calls `answer`, in the caller's turn; as `FairQueue.serve` does.

        Raises:
            NotInstalled: The model is not on this machine.
            Unavailable: It is not loaded, or was lost meanwhile, or the service is shutting down.
            Overloaded: The queue is full.
        """
        _ = self.loaded
        return await self._queue.serve(partial(self._begin, work), caller=caller)

    async def answer(self, item: Item) -> Answer:
        """Return the model's answer to an item; to be called within `serve`.

        Cancelled before its run, the item never runs. Cancelled within it, this ends when the run
        does: the memory of the item is in use until then. A run of that item alone is told to stop.

        Raises:
            Unavailable: The model was lost.
            Overloaded: The memory does not hold the item.
        """
        _ = self.loaded
        return await self._items.answer(item)

    def close(self) -> None:
        """Refuse the queued requests, wait for the running batch and end the thread."""
        self._is_closed = True
        self._queue.close()
        if self._revival is not None:
            self._revival.cancel()
        # Those that still load, or hang, are waited for too: a thread that is in native code when
        # Python ends aborts the process.
        ends_s = monotonic() + CLOSE_WITHIN_S
        for thread in [*([self._thread] if self._thread else []), *self._hanging]:
            thread.close(within_s=max(0.0, ends_s - monotonic()))

    async def _begin(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        _ = self.loaded  # the model may be lost since the request was queued
        return await work()

    def _run(self, items: list[Item]) -> asyncio.Future[Sequence[Answer]]:
        thread, loaded = self._thread, self._loaded
        if thread is None or loaded is None:
            raise ModelLost(f"the model of {self._task} is being loaded; try again later")
        run = thread.run(self._compute, loaded, items, limit_s=self._max_run_s)
        run.add_done_callback(partial(self._look_at, thread, len(items)))
        return run

    def _look_at(
        self, thread: ModelThread, items: int, run: asyncio.Future[Sequence[Answer]]
    ) -> None:
        """Handle a lost model or a full memory, before the callers see the error."""
        error = None if run.cancelled() else run.exception()
        if isinstance(error, ModelLost):
            self._lose(thread, reason=str(error))
        elif isinstance(error, MemoryError):
            log.warning("batch too large", task=self._task, items=items, reason=str(error))
        elif error is None:
            self._pause_s = 0.0

    async def _load_in(self, thread: ModelThread) -> None:
        """Load the model in a thread and make that the thread of the slot."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            self._loaded = await thread.run(self._load, limit_s=LOAD_WITHIN_S)
        except BaseException:
            self._abandon(thread)
            raise
        self._thread = thread
        seconds = round(loop.time() - began_s, 3)
        log.info("model loaded", task=self._task, seconds=seconds, **_described(self._loaded))

    def _lose(self, thread: ModelThread, *, reason: str) -> None:
        if self._is_closed:
            return
        log.error("model lost", task=self._task, reason=reason)
        self._metrics.losses.inc()
        self._health.report(self._task, is_well=False)
        self._abandon(thread)
        self._thread = self._loaded = None
        self._revival = asyncio.create_task(self._revive())

    def _abandon(self, thread: ModelThread) -> None:
        thread.stop()
        self._hanging.append(thread)

    async def _revive(self) -> None:
        """Load the model until it is there: at once, then after pauses, each twice the last."""
        while self._loaded is None:
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
            self._hanging = [thread for thread in self._hanging if thread.is_alive]
            if len(self._hanging) >= MOST_HANGING:
                log.error("model not reloaded: its old threads hang", task=self._task)
                continue
            try:
                await self._load_in(ModelThread(self._task))
            except Exception:  # whatever it is, it may be over at the next attempt
                log.exception("model not reloaded", task=self._task)
        self._health.report(self._task, is_well=True)


def _described(loaded: object) -> dict[str, str]:
    if not isinstance(loaded, LoadedModel):
        return {}
    entry = loaded.entry
    return {
        "model": entry.name,
        "version": entry.version,
        "profile": entry.profile,
        "device": loaded.device,
        "provider": loaded.provider,
    }
