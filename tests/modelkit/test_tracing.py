"""Steps of a request for a model in its trace."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import pytest

from modelkit.hosting import ModelHost
from modelkit.images import encode_image
from modelkit.loading import ModelSlot
from modelkit.settings import ModelServiceSettings
from servicekit.tracing.steps import Attributes, following

IMAGE = encode_image(np.zeros((10, 20, 3), np.uint8), "image/png")
QUEUE = ("wait in queue", {"imagemesh.task": "width"})
DECODE: tuple[str, Attributes] = ("decode image", {})


def of_batch(name: str, size: int) -> tuple[str, Attributes]:
    return name, {"imagemesh.task": "width", "imagemesh.batch_size": size}


@dataclass
class Noted:
    """Trace that records its steps and their times."""

    steps: list[tuple[str, Attributes]] = field(default_factory=list)
    times_s: list[tuple[float, float]] = field(default_factory=list)

    def describe(self, name: str, attributes: Attributes, *, has_failed: bool = False) -> None:
        """Not asked for here."""
        raise NotImplementedError

    @property
    def traceparent(self) -> str:
        """Nothing goes on elsewhere."""
        return ""

    def add_step(self, name: str, *, began_s: float, attributes: Attributes) -> None:
        """Keep it."""
        self.steps.append((name, attributes))
        self.times_s.append((began_s, monotonic()))


@dataclass(frozen=True)
class Widths:
    """Service whose model answers with the width of an image, and fails on width 0."""

    host: ModelHost
    slot: ModelSlot[str, int, str]

    async def ask(self, trace: Noted) -> str:
        """Ask for the width of the image."""

        async def work() -> str:
            width = await self.host.decoder.read(IMAGE, lambda decoded: decoded.pixels.shape[1])
            return await self.slot.answer(width)

        with following(trace):
            return await self.slot.serve(work, caller="a")

    async def answer(self, trace: Noted, width: int) -> str:
        """Ask the model alone."""
        with following(trace):
            return await self.slot.answer(width)


def widths(_: str, items: Sequence[int]) -> list[str]:
    if 0 in items:
        raise ValueError("no width")
    return [f"{width} px" for width in items]


@asynccontextmanager
async def serving_widths(url: str) -> AsyncIterator[Widths]:
    host = ModelHost(ModelServiceSettings(port=0, metrics_port=0, otlp_endpoint=url))
    made = Widths(host, host.slot("width", lambda: "model", widths, max_batch=8))
    await host.load()
    yield made
    host.close()


@pytest.fixture
async def service() -> AsyncIterator[Widths]:
    """Return one that is traced; its collector is for the server to know, not for its models."""
    async with serving_widths("http://collector:4317") as made:
        yield made


async def test_request_leaves_every_step_in_order(service: Widths) -> None:
    trace = Noted()

    assert await service.ask(trace) == "20 px"
    assert trace.steps == [
        QUEUE,
        DECODE,
        of_batch("wait for model", 1),
        of_batch("run model", 1),
    ]
    ends = [ended_s for _, ended_s in trace.times_s]
    assert ends == sorted(ends)
    assert all(began_s <= ended_s for began_s, ended_s in trace.times_s)


async def test_batch_that_is_tried_again_in_halves_shows_each_run(service: Widths) -> None:
    good, bad = Noted(), Noted()

    answers = await asyncio.gather(
        service.answer(good, 1), service.answer(bad, 0), return_exceptions=True
    )

    assert answers[0] == "1 px"
    runs = [of_batch(name, size) for size in (2, 1) for name in ("wait for model", "run model")]
    assert (good.steps, bad.steps) == (runs, runs)
