"""Whatever comes, leaves, hangs back or breaks: what always holds of the line and its batches."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from modelkit.batching import Batcher, BatchLimits
from modelkit.execution import ModelLost
from modelkit.lines import FairLine
from servicekit.errors import DeadlineExceeded, Overloaded
from servicekit.telemetry import ModelMetrics
from tests.modelkit.virtual_time import run_in_virtual_time

MAX_ITEMS, MAX_BYTES, PLACES, MAX_WAITING = 3, 100, 5, 6


@dataclass(frozen=True)
class Request:
    """One request of a made-up day; times in tenths of a second."""

    number: int
    caller: str
    arrives: int
    prepares: int
    size_bytes: int
    fault: str
    timeout: int | None
    cancelled_after: int | None


@dataclass
class Model:
    """Answers a batch after a while, as its items say, and remembers what it was given."""

    expires_at_s: dict[int, float] = field(default_factory=dict)
    batches: list[list[int]] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    late: list[int] = field(default_factory=list)
    is_running: bool = False

    async def run(self, items: list[Request]) -> Sequence[str]:
        """Answer a batch; one bad item fails all of it, a deadly one the model."""
        assert not self.is_running, "two batches at once"
        now_s = asyncio.get_running_loop().time()
        self.batches.append([item.number for item in items])
        self.late += [i.number for i in items if now_s > self.expires_at_s.get(i.number, now_s)]
        assert len(items) == 1 or sum(item.size_bytes for item in items) <= MAX_BYTES
        self.is_running = True
        await asyncio.sleep(0.1 * len(items))
        self.is_running = False
        faults = {item.fault for item in items}
        if "deadly" in faults:
            raise ModelLost("gone")
        if "bad" in faults:
            raise ValueError("one of them")
        if "hungry" in faults and len(items) > 1:
            raise MemoryError
        if "miscounted" in faults:
            return ["too", "many", "answers", "here"]
        self.answered.update(item.number for item in items)
        return [f"answer {item.number}" for item in items]


requests = st.lists(
    st.builds(
        partial(Request, 0),
        caller=st.sampled_from("abc"),
        arrives=st.integers(0, 20),
        prepares=st.integers(0, 5),
        size_bytes=st.integers(0, 120),
        fault=st.sampled_from(["", "", "", "", "bad", "hungry", "deadly", "miscounted"]),
        timeout=st.none() | st.integers(-1, 20),
        cancelled_after=st.none() | st.integers(0, 20),
    ),
    max_size=24,
).map(lambda day: [Request(**{**vars(one), "number": n}) for n, one in enumerate(day)])


async def live(day: Sequence[Request], model: Model) -> list[object]:
    """Return the outcome of each request of a day."""
    metrics = ModelMetrics(CollectorRegistry()).of("test")
    line = FairLine("test", places=PLACES, max_waiting=MAX_WAITING, metrics=metrics)
    limits = BatchLimits(max_items=MAX_ITEMS, max_bytes=MAX_BYTES)
    batcher = Batcher[Request, str](model.run, limits=limits, metrics=metrics)

    async def work(request: Request) -> str:
        await asyncio.sleep(request.prepares / 10)
        return await batcher.answer(request, size_bytes=request.size_bytes)

    async def ask(request: Request) -> str:
        await asyncio.sleep(request.arrives / 10)
        timeout_s = None if request.timeout is None else request.timeout / 10
        if timeout_s is not None:
            model.expires_at_s[request.number] = asyncio.get_running_loop().time() + timeout_s
        return await line.serve(partial(work, request), caller=request.caller, timeout_s=timeout_s)

    async def leave(task: asyncio.Task[str], request: Request) -> None:
        if request.cancelled_after is not None:
            await asyncio.sleep((request.arrives + request.cancelled_after) / 10)
            task.cancel()

    asked = [asyncio.create_task(ask(request)) for request in day]
    leaving = [leave(task, request) for task, request in zip(asked, day, strict=True)]
    outcomes = await asyncio.gather(*asked, *leaving, return_exceptions=True)
    await asyncio.sleep(60)  # work whose caller is gone comes to its end
    assert await line.serve(partial(work, GOOD), caller="z", timeout_s=9) == "answer -1"
    return list(outcomes[: len(day)])


GOOD = Request(-1, "z", 0, 0, 0, "", None, None)
ERRORS = {
    "": (),
    "hungry": (),
    "bad": (ValueError,),
    "deadly": (),
    "miscounted": (ValueError,),
}


@settings(max_examples=300, deadline=None)
@given(requests)
def test_every_request_has_one_outcome_and_never_anothers(day: list[Request]) -> None:
    model = Model()

    outcomes = run_in_virtual_time(live(day, model))

    may_be_lost = any(request.fault == "deadly" for request in day)
    for request, outcome in zip(day, outcomes, strict=True):
        if isinstance(outcome, str):
            assert outcome == f"answer {request.number}"
            assert request.fault in ("", "hungry")
            continue
        allowed: tuple[type[BaseException], ...] = (Overloaded, *ERRORS[request.fault])
        if may_be_lost:
            allowed += (ModelLost,)
        if request.timeout is not None:
            allowed += (DeadlineExceeded,)
        if request.cancelled_after is not None:
            allowed += (asyncio.CancelledError,)
        assert isinstance(outcome, allowed), (request, outcome)


@settings(max_examples=300, deadline=None)
@given(requests)
def test_batches_keep_their_bounds_and_hold_nobody_who_left(day: list[Request]) -> None:
    model = Model()

    outcomes = run_in_virtual_time(live(day, model))

    assert all(1 <= len(batch) <= MAX_ITEMS for batch in model.batches)
    assert all(count == 1 for count in model.answered.values())
    assert model.late == []
    answered = {n for n, outcome in enumerate(outcomes) if isinstance(outcome, str)}
    assert answered <= model.answered.keys()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("aaaabc"), max_size=20), st.integers(1, 4))
def test_callers_take_turns(callers: list[str], places: int) -> None:
    """While a caller waits, another one is served at most once more than it."""
    begun: list[str] = []

    async def work(caller: str) -> None:
        begun.append(caller)
        await asyncio.sleep(1)

    async def serve_all() -> None:
        metrics = ModelMetrics(CollectorRegistry()).of("test")
        line = FairLine("test", places=places, max_waiting=len(callers), metrics=metrics)
        async with asyncio.TaskGroup() as group:
            for caller in callers:
                job = line.serve(partial(work, caller), caller=caller, timeout_s=None)
                group.create_task(job)

    run_in_virtual_time(serve_all())

    assert Counter(begun) == Counter(callers)
    waited = begun[places:]
    for caller in set(waited):
        turns = [n for n, one in enumerate(waited) if one == caller]
        for first, last in zip([-1, *turns], turns, strict=False):
            between = Counter(waited[first + 1 : last])
            assert all(count == 1 for count in between.values())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(1, 5), st.integers(0, 10))
def test_line_is_never_longer_than_its_bound(count: int, places: int, max_waiting: int) -> None:
    async def serve_all() -> list[object]:
        metrics = ModelMetrics(CollectorRegistry()).of("test")
        line = FairLine("test", places=places, max_waiting=max_waiting, metrics=metrics)
        work = partial(asyncio.sleep, 1)
        jobs = [line.serve(work, caller="a", timeout_s=None) for _ in range(count)]
        return list(await asyncio.gather(*jobs, return_exceptions=True))

    outcomes = run_in_virtual_time(serve_all())

    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    assert len(refused) == max(0, count - places - max_waiting)
