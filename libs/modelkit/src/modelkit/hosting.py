"""Models of one service: loaded, listed, supervised and closed together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from modelkit.decoding import Decoder
from modelkit.images import ImageLimits
from modelkit.loading import LoadedModel, ModelSlot
from modelkit.manifest import ModelEntry
from modelkit.settings import ModelServiceSettings
from servicekit.health import Health
from servicekit.telemetry import ModelMetrics, ServiceMetrics

Loaded = TypeVar("Loaded")
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class ModelHost:
    """Resources that the models of a service share: runtime, decoder threads, health, metrics.

    Args:
        settings: Of the service.
    """

    def __init__(self, settings: ModelServiceSettings) -> None:
        self._settings = settings
        self.runtime = settings.open_runtime()
        self.health = Health()
        self.metrics = ServiceMetrics()
        self.decoder = Decoder(ImageLimits(max_pixels=settings.max_image_pixels))
        self._model_metrics = ModelMetrics(self.metrics.registry)
        # Any: the models of a service differ in all that they take and answer.
        self._slots: list[ModelSlot[Any, Any, Any]] = []

    def slot(
        self,
        task: str,
        load: Callable[[], Loaded],
        compute: Callable[[Loaded, list[Item]], Sequence[Answer]],
        *,
        max_batch: int = 1,
    ) -> ModelSlot[Loaded, Item, Answer]:
        """Return the slot of a model that is not loaded yet; its arguments are of `ModelSlot`."""
        slot = ModelSlot[Loaded, Item, Answer](
            task,
            load=load,
            compute=compute,
            max_batch=max_batch,
            max_waiting=self._settings.max_concurrent_rpcs,
            max_run_s=self._settings.max_run_s,
            metrics=self._model_metrics.of(task),
            health=self.health,
        )
        self._slots.append(slot)
        return slot

    async def load(self) -> None:
        """Load all models, each in its thread."""
        await asyncio.gather(*(slot.load() for slot in self._slots))

    def listed(self, entries: Sequence[ModelEntry]) -> list[dict[str, Any]]:
        """Return the fields of the message of each model; a model not in use has no device.

        Any: the fields of messages, nested.
        """
        loaded = [slot.loaded for slot in self._slots if slot.is_loaded]
        in_use = {
            one.entry: one.named()
            for model in loaded
            if isinstance(model, LoadedModel)
            for one in (model, *model.parts)
        }
        return [
            {
                "model": in_use.get(entry, {"name": entry.name, "version": entry.version}),
                **entry.public(),
            }
            for entry in entries
        ]

    def close(self) -> None:
        """Close all models and the decoder threads."""
        for slot in self._slots:
            slot.close()
        self.decoder.close()
