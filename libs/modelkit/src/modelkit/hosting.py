"""The models of one service under one roof: loaded, told of, watched and closed together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from modelkit.batching import BatchLimits
from modelkit.decoding import Decoder
from modelkit.images import ImageLimits
from modelkit.loading import LoadedModel, ModelSlot, SlotLimits
from modelkit.settings import ModelServiceSettings
from modelkit.tracing import TracedDecoder
from servicekit.health import Health
from servicekit.telemetry import ModelMetrics, ServiceMetrics

Loaded = TypeVar("Loaded")
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class ModelHost:
    """What the models of a service share: threads for pictures, health and metrics.

    Args:
        settings: What the service was told.
    """

    def __init__(self, settings: ModelServiceSettings) -> None:
        self._settings = settings
        self.health = Health()
        self.metrics = ServiceMetrics()
        decoder = TracedDecoder if settings.otlp_endpoint else Decoder
        self.decoder: Decoder = decoder(
            ImageLimits(max_pixels=settings.max_image_pixels), threads=settings.decode_threads
        )
        self._model_metrics = ModelMetrics(self.metrics.registry)
        # Any: the models of a service differ in all that they take and answer.
        self._slots: list[ModelSlot[Any, Any, Any]] = []

    def slot(
        self,
        task: str,
        load: Callable[[], Loaded],
        compute: Callable[[Loaded, list[Item]], Sequence[Answer]],
        *,
        max_batch: int | None = None,
    ) -> ModelSlot[Loaded, Item, Answer]:
        """Return the place of a model, still empty.

        Args:
            task: Names it.
            load: Returns the model; runs in the model's thread.
            compute: Answers a batch with the model; runs in the model's thread.
            max_batch: Most requests in a batch, where that is less than the settings say.
        """
        settings = self._settings
        most = settings.max_batch if max_batch is None else min(max_batch, settings.max_batch)
        slot = ModelSlot[Loaded, Item, Answer](
            task,
            load=load,
            compute=compute,
            limits=SlotLimits(
                BatchLimits(max_items=most),
                # One batch is computed, one is ready, and no thread for pictures is idle.
                places=2 * most + settings.decode_threads,
                max_waiting=settings.max_waiting,
                max_run_s=settings.max_run_s,
            ),
            metrics=self._model_metrics.of(task),
            health=self.health,
            is_traced=bool(settings.otlp_endpoint),
        )
        self._slots.append(slot)
        return slot

    async def load(self) -> None:
        """Load all models, each in its thread."""
        await asyncio.gather(*(slot.load() for slot in self._slots))

    def in_use(self) -> dict[str, str]:
        """Return the devices of the models that are loaded, by the models' names."""
        loaded = [slot.loaded for slot in self._slots if slot.is_loaded]
        return {
            one.entry.name: one.device
            for found in loaded
            if isinstance(found, LoadedModel)
            for one in (found, *found.parts)
        }

    def close(self) -> None:
        """Close all models and the threads for pictures."""
        for slot in self._slots:
            slot.close()
        self.decoder.close()
