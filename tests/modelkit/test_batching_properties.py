"""Properties of the queue and of its batches under random requests, faults and cancels."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from modelkit.batching import Batcher
from modelkit.execution import ModelLost
from modelkit.fair_queue import FairQueue
from servicekit.errors import Overloaded
from servicekit.telemetry import ModelMetrics
from tests.modelkit.virtual_time import run_in_virtual_time

MAX_ITEMS, PLACES, MAX_WAITING = 3, 5, 6
MOST_RUNS = 3  # of an item: in a batch of three, in its larger half, alone
A_MOMENT_S = 1e-6  # sums of twentieths of a second differ by less


@dataclass(frozen=True)
class Request:
    """Scripted request; times in twentieths of a second."""

    number: int = -1
    caller: str = "z"
    arrives: int = 0
    prepares: int = 0
    fault: str = ""
    timeout: int | None = None
    cancelled_after: int | None = None


@dataclass
class Model:
    """Model with scripted answers and a record of its runs.

    Attributes:
        broken_runs: Those that fail whatever they are given.
        leaves_at_s: When a request is cancelled or out of time.
        runs: The numbers of the items of each.
        lost_after: How many runs there were when one of them lost the model.
        too_late: Requests that were run after they had left.
        holds: How many runs hold an item.
        most_at_once: Runs.
    """

    broken_runs: frozenset[int] = frozenset()
    leaves_at_s: defaultdict[int, float] = field(default_factory=lambda: defaultdict(lambda: inf))
    runs: list[list[int]] = field(default_factory=list)
    lost_after: list[int] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    too_late: list[int] = field(default_factory=list)
    holds: Counter[int] = field(default_factory=Counter)
    running: int = 0
    most_at_once: int = 0

    async def run(self, items: list[Request]) -> Sequence[str]:
        """Answer a batch; one bad item fails all of it, a deadly one the model.

        Nothing is asserted here: the batcher would take it for the fault of an item.
        """
        numbers = [item.number for item in items]
        begins_s = asyncio.get_running_loop().time() - A_MOMENT_S
        self.too_late += [number for number in numbers if begins_s > self.leaves_at_s[number]]
        is_broken = len(self.runs) in self.broken_runs
        self.runs.append(numbers)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.holds.update(numbers)
        await asyncio.sleep(3 if any(item.fault == "hangs" for item in items) else 0.1 * len(items))
        self.holds.subtract(numbers)
        self.running -= 1
        if is_broken:
            raise OSError("not the fault of an item")
        try:
            answers = answer_all(items)
        except ModelLost:
            self.lost_after.append(len(self.runs))
            raise
        if len(answers) == len(items):
            self.answered.update(numbers)
        return answers


def answer_all(items: list[Request]) -> list[str]:
    """Return the answers to a batch, or fail as its items say."""
    faults = {item.fault for item in items}
    if faults & {"deadly", "hangs"}:
        raise ModelLost("gone")
    if "bad" in faults:
        raise ValueError("one of them")
    if "hungry" in faults and len(items) > 1:
        raise MemoryError
    answers = [f"answer {item.number}" for item in items]
    return answers[1:] if "miscounted" in faults else answers


@dataclass
class Day:
    """Outcome of the requests.

    Attributes:
        outcomes: Of each request.
        asked: Requests in the order in which they were ready for a batch.
        most_in_places: Requests that were worked on at once.
        queued: Length of the queue whenever a request came or was refused.
        refused_at: Length of the queue when a request was refused.
        overstayed: Requests whose outcome came after they had left.
        freed_early: Requests whose place was free while the model still held them.
    """

    model: Model
    outcomes: list[object] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    in_places: int = 0
    most_in_places: int = 0
    queued: list[float] = field(default_factory=list)
    refused_at: list[float] = field(default_factory=list)
    overstayed: list[int] = field(default_factory=list)
    freed_early: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        metrics = ModelMetrics(CollectorRegistry()).of("test")
        self._waiting = metrics.waiting
        self._queue = FairQueue("test", places=PLACES, max_waiting=MAX_WAITING, metrics=metrics)
        self._batcher = Batcher[Request, str](
            self.model.run, task="test", max_items=MAX_ITEMS, metrics=metrics
        )

    async def live(self, requests: Sequence[Request]) -> None:
        """Send the requests when they are due; return when nothing is left of them."""
        tasks = [asyncio.create_task(self.ask(request)) for request in requests]
        leaving = [self._leave(task, one) for task, one in zip(tasks, requests, strict=True)]
        outcomes = await asyncio.gather(*tasks, *leaving, return_exceptions=True)
        self.outcomes = list(outcomes[: len(requests)])
        await asyncio.sleep(60)  # work whose caller is gone comes to its end

    async def ask(self, request: Request) -> str:
        """Send one request when it is due."""
        await asyncio.sleep(request.arrives / 20)
        timeout_s = None if request.timeout is None else request.timeout / 20
        if timeout_s is not None:
            self._leaves(request, in_s=max(0.0, timeout_s))
        self.queued.append(self.waiting)
        work = partial(self._work, request)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._queue.serve(work, caller=request.caller)
        except Overloaded:
            self.refused_at.append(self.waiting)
            raise
        finally:
            now_s = asyncio.get_running_loop().time()
            if now_s - A_MOMENT_S > self.model.leaves_at_s[request.number]:
                self.overstayed.append(request.number)

    @property
    def waiting(self) -> float:
        """Length of the queue according to the metrics."""
        (metric,) = self._waiting.collect()
        return metric.samples[0].value

    async def _work(self, request: Request) -> str:
        self.in_places += 1
        self.most_in_places = max(self.most_in_places, self.in_places)
        try:
            await asyncio.sleep(request.prepares / 20)
            self.asked.append(request.number)
            return await self._batcher.answer(request)
        finally:
            self.in_places -= 1
            if self.model.holds[request.number]:
                self.freed_early.append(request.number)

    async def _leave(self, task: asyncio.Task[str], request: Request) -> None:
        if request.cancelled_after is not None:
            await asyncio.sleep((request.arrives + request.cancelled_after) / 20)
            self._leaves(request, in_s=0)
            task.cancel()

    def _leaves(self, request: Request, *, in_s: float) -> None:
        leaves_at_s = asyncio.get_running_loop().time() + in_s
        earlier_s = self.model.leaves_at_s[request.number]
        self.model.leaves_at_s[request.number] = min(earlier_s, leaves_at_s)


FAULTS = [*[""] * 12, "bad", "bad", "hungry", "deadly", "hangs", "miscounted"]
# Many at few instants: what is bounded must be full now and then.
days = st.lists(
    st.builds(
        Request,
        caller=st.sampled_from("abc"),
        arrives=st.integers(0, 12),
        prepares=st.integers(0, 4),
        fault=st.sampled_from(FAULTS),
        timeout=st.none() | st.integers(-1, 40),
        cancelled_after=st.none() | st.integers(0, 30),
    ),
    min_size=6,
    max_size=30,
).map(lambda day: [replace(request, number=number) for number, request in enumerate(day)])
models = st.builds(Model, broken_runs=st.frozensets(st.integers(0, 12), max_size=3))


@settings(max_examples=100, deadline=None)
@given(days, models)
def test_queue_and_batches_keep_their_rules_on_any_day(
    requests: list[Request], model: Model
) -> None:
    day = Day(model)

    async def live_and_fill_up() -> Sequence[object]:
        await day.live(requests)
        assert_outcomes_are_their_own(requests, day)
        assert_batches_keep_bounds_and_order(requests, day)
        assert_queue_kept_its_bounds(day)
        model.broken_runs = frozenset()
        day.most_in_places = 0
        one_too_many = [Request(number) for number in range(100, 101 + PLACES + MAX_WAITING)]
        return await asyncio.gather(*map(day.ask, one_too_many), return_exceptions=True)

    last = run_in_virtual_time(live_and_fill_up())

    # Nobody and no place was forgotten.
    assert [type(outcome) for outcome in last] == [str] * (PLACES + MAX_WAITING) + [Overloaded]
    assert day.most_in_places == PLACES


def assert_outcomes_are_their_own(requests: list[Request], day: Day) -> None:
    """Every request has one outcome, and never another's."""
    model = day.model
    runs_that_broke = [run for number, run in enumerate(model.runs) if number in model.broken_runs]
    may_be_lost = any(request.fault in ("deadly", "hangs") for request in requests)
    for request, outcome in zip(requests, day.outcomes, strict=True):
        if isinstance(outcome, str):
            assert outcome == f"answer {request.number}"
            assert request.fault in ("", "hungry")
            assert model.answered[request.number]
            continue
        is_possible: dict[type[BaseException], bool] = {
            Overloaded: True,
            OSError: [request.number] in runs_that_broke,
            ValueError: request.fault in ("bad", "miscounted"),
            ModelLost: may_be_lost,
            TimeoutError: request.timeout is not None,
            asyncio.CancelledError: request.cancelled_after is not None,
        }
        assert is_possible[type(outcome)], (request, outcome)  # type: ignore[index]  # an exception


def assert_batches_keep_bounds_and_order(requests: list[Request], day: Day) -> None:
    """A lost batch is not run again, and no caller's requests overtake each other."""
    model = day.model
    assert all(1 <= len(numbers) <= MAX_ITEMS for numbers in model.runs)
    assert model.most_at_once <= 1
    runs_of = Counter(number for numbers in model.runs for number in numbers)
    assert all(count <= MOST_RUNS for count in runs_of.values())
    assert all(count == 1 for count in model.answered.values())
    for count in model.lost_after:
        assert not set(model.runs[count - 1]) & set(chain(*model.runs[count:]))
    for caller in {request.caller for request in requests}:
        asked = [number for number in day.asked if requests[number].caller == caller]
        ran = [number for number in runs_of if requests[number].caller == caller]
        assert ran == [number for number in asked if number in runs_of]


def assert_queue_kept_its_bounds(day: Day) -> None:
    """Requests that leave go at once, but not before the model lets go of them."""
    assert (day.in_places, day.waiting) == (0, 0)
    assert day.most_in_places <= PLACES
    assert day.model.too_late == []
    assert day.overstayed == []
    assert day.freed_early == []
    assert all(count <= MAX_WAITING for count in day.queued)
    assert not day.refused_at or MAX_WAITING in day.queued


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("aaaabc"), st.integers(0, 6)), min_size=5, max_size=30),
    st.integers(1, 4),
)
def test_callers_take_turns(arrivals: list[tuple[str, int]], places: int) -> None:
    """While a caller waits, another one is served at most once between two turns of it."""
    events: list[tuple[float, bool, str]] = []  # when, whether it begins, whose

    async def ask(queue: FairQueue, caller: str, arrives_s: int) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(arrives_s)
        arrived_s = loop.time()

        async def work() -> None:
            if loop.time() > arrived_s:  # else it never waited
                events.extend([(arrived_s, False, caller), (loop.time(), True, caller)])
            await asyncio.sleep(0.7310585)  # so that none ends just when one comes

        await queue.serve(work, caller=caller)

    async def serve_all() -> None:
        metrics = ModelMetrics(CollectorRegistry()).of("test")
        queue = FairQueue("test", places=places, max_waiting=len(arrivals), metrics=metrics)
        await asyncio.gather(*(ask(queue, caller, arrives_s) for caller, arrives_s in arrivals))

    run_in_virtual_time(serve_all())

    queued: Counter[str] = Counter()
    passed_by: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, begins, caller in sorted(events, key=lambda event: event[:2]):
        if not begins:
            queued[caller] += 1
            continue
        queued[caller] -= 1
        passed_by[caller].clear()
        for other in queued:
            if queued[other] and other != caller:
                passed_by[other][caller] += 1
                assert passed_by[other][caller] == 1
    assert queued.total() == 0
