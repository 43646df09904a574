"""A model, the thread that owns it, or the reason why it is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar, TypeVarTuple

from modelkit.execution import ModelThread
from modelkit.manifest import ModelEntry
from servicekit.errors import NotInstalled, Unavailable
from servicekit.logs import get_logger

Model = TypeVar("Model")
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

log = get_logger("modelkit")


@dataclass(frozen=True, slots=True)
class LoadedModel(Generic[Model]):
    """A model that is ready.

    Attributes:
        model: The object that computes.
        entry: What the manifest says of it.
        device: Where it computes, such as "cpu" or "cuda".
    """

    model: Model
    entry: ModelEntry
    device: str


class ModelSlot(Generic[Model]):
    """The place of one model in a service; it may stay empty while the others work.

    Args:
        task: Names the thread, and the model in messages and logs.
        max_waiting: Most requests in line behind the running one.
    """

    def __init__(self, task: str, *, max_waiting: int) -> None:
        self._task = task
        self._thread = ModelThread(task, max_waiting=max_waiting)
        self._loaded: LoadedModel[Model] | None = None
        self._missing: NotInstalled | None = None

    @property
    def loaded(self) -> LoadedModel[Model]:
        """The model.

        Raises:
            NotInstalled: It is not on this machine; the message names the command.
            Unavailable: It is not loaded yet.
        """
        if self._missing is not None:
            # A new one each time: a raised error collects the traces of all who raised it.
            raise type(self._missing)(str(self._missing)) from self._missing
        if self._loaded is None:
            raise Unavailable(f"the model of {self._task} is being loaded; try again later")
        return self._loaded

    async def load(self, loader: Callable[[], LoadedModel[Model]]) -> None:
        """Run `loader` in the thread; a model that is not installed is logged and remembered."""
        began_s = monotonic()
        try:
            self._loaded = await self._thread.run(loader, timeout_s=None)
        except NotInstalled as error:
            self._missing = error
            log.warning("model not installed", task=self._task, reason=str(error))
            return
        log.info(
            "model loaded",
            task=self._task,
            model=self._loaded.entry.name,
            version=self._loaded.entry.version,
            profile=self._loaded.entry.profile,
            device=self._loaded.device,
            seconds=round(monotonic() - began_s, 3),
        )

    async def run(
        self,
        function: Callable[[Model, *Arguments], Result],
        *args: *Arguments,
        timeout_s: float | None,
    ) -> Result:
        """Run `function(model, *args)` in the model's thread.

        Raises:
            NotInstalled: The model is not on this machine.
            Unavailable: It is not loaded yet, or the service is shutting down.
            Overloaded: Too many requests are in line.
            DeadlineExceeded: `timeout_s` passed first.
        """
        return await self._thread.run(function, self.loaded.model, *args, timeout_s=timeout_s)

    def close(self) -> None:
        """Wait for the running request and end the thread."""
        self._thread.close()
