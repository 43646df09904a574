"""The line before a model: its order, its bound, and who leaves it when."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from modelkit.execution import ModelThread
from servicekit.errors import DeadlineExceeded, Overloaded, Unavailable


class Gate:
    """A job that says when it runs and ends when it is told to."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        """Run until told to end."""
        self.running.set()
        assert self.may_end.wait(10)
        return "done"

    async def wait_until_running(self) -> None:
        """Return when the job runs in its thread."""
        assert await asyncio.to_thread(self.running.wait, 10)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    held = Gate()
    yield held
    held.may_end.set()


@pytest.fixture
async def thread(gate: Gate) -> AsyncIterator[ModelThread]:
    """A thread with two places, busy with the gate."""
    owner = ModelThread("classify", max_waiting=2)
    job = asyncio.create_task(owner.run(gate, timeout_s=None))
    await gate.wait_until_running()
    yield owner
    gate.may_end.set()
    assert await job == "done"
    owner.close()


async def in_line(thread: ModelThread, calls: list[int], number: int) -> asyncio.Task[None]:
    task = asyncio.create_task(thread.run(calls.append, number, timeout_s=None))
    await asyncio.sleep(0)  # one turn of the loop: the task takes its place
    return task


async def test_jobs_run_one_by_one_in_the_order_they_came(thread: ModelThread, gate: Gate) -> None:
    calls: list[int] = []
    first = await in_line(thread, calls, 1)
    second = await in_line(thread, calls, 2)

    gate.may_end.set()
    await asyncio.gather(first, second)

    assert calls == [1, 2]


async def test_all_jobs_run_in_the_same_thread() -> None:
    thread = ModelThread("classify", max_waiting=2)

    names = [await thread.run(threading.current_thread, timeout_s=1) for _ in range(3)]
    thread.close()

    assert len(set(names)) == 1
    assert names[0].name.startswith("classify")


async def test_full_line_is_overloaded(thread: ModelThread, gate: Gate) -> None:
    calls: list[int] = []
    line = [await in_line(thread, calls, number) for number in (1, 2)]

    with pytest.raises(Overloaded, match="classify has 2 requests in line, which is the limit"):
        await thread.run(calls.append, 3, timeout_s=None)

    gate.may_end.set()
    await asyncio.gather(*line)
    assert calls == [1, 2]


async def test_no_place_behind_a_running_job_means_none() -> None:
    gate = Gate()
    thread = ModelThread("classify", max_waiting=0)
    running = asyncio.create_task(thread.run(gate, timeout_s=None))
    await gate.wait_until_running()

    with pytest.raises(Overloaded):
        await thread.run(int, timeout_s=None)

    gate.may_end.set()
    assert await running == "done"
    assert await thread.run(int, timeout_s=None) == 0
    thread.close()


async def test_cancelled_waiter_frees_its_place_at_once_and_never_starts(
    thread: ModelThread, gate: Gate
) -> None:
    calls: list[int] = []
    gone = await in_line(thread, calls, 1)
    await in_line(thread, calls, 2)

    gone.cancel()
    await asyncio.wait((gone,))
    last = await in_line(thread, calls, 3)
    gate.may_end.set()
    await last

    assert gone.cancelled()
    assert calls == [2, 3]


async def test_expired_waiter_frees_its_place_and_never_starts(
    thread: ModelThread, gate: Gate
) -> None:
    calls: list[int] = []

    with pytest.raises(DeadlineExceeded, match="classify had no answer before the deadline"):
        await thread.run(calls.append, 1, timeout_s=0.01)

    line = [await in_line(thread, calls, number) for number in (2, 3)]
    gate.may_end.set()
    await asyncio.gather(*line)
    assert calls == [2, 3]


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_job_whose_time_is_over_never_starts_on_an_idle_thread(timeout_s: float) -> None:
    thread = ModelThread("classify", max_waiting=1)
    calls: list[int] = []

    with pytest.raises(DeadlineExceeded):
        await thread.run(calls.append, 1, timeout_s=timeout_s)

    await thread.run(calls.append, 2, timeout_s=None)
    thread.close()
    assert calls == [2]


async def test_deadline_of_a_running_job_answers_while_the_thread_stays_busy() -> None:
    gate = Gate()
    thread = ModelThread("classify", max_waiting=1)

    with pytest.raises(DeadlineExceeded):
        await thread.run(gate, timeout_s=0.05)

    calls: list[int] = []
    behind = await in_line(thread, calls, 1)
    assert not calls
    gate.may_end.set()
    await behind
    thread.close()
    assert calls == [1]


async def test_caller_gone_while_running_leaves_the_next_job_alone(gate: Gate) -> None:
    thread = ModelThread("classify", max_waiting=1)
    caller = asyncio.create_task(thread.run(gate, timeout_s=None))
    await gate.wait_until_running()

    caller.cancel()
    await asyncio.wait((caller,))
    calls: list[int] = []
    behind = await in_line(thread, calls, 1)
    assert not behind.done()
    gate.may_end.set()
    await behind

    thread.close()
    assert calls == [1]


async def test_exception_of_one_job_is_its_callers_alone(thread: ModelThread, gate: Gate) -> None:
    bad = asyncio.create_task(thread.run(int, "x", timeout_s=None))
    good = asyncio.create_task(thread.run(int, "7", timeout_s=None))

    gate.may_end.set()

    assert await good == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await bad


async def test_timeout_error_of_a_job_is_no_deadline() -> None:
    def job() -> None:
        raise TimeoutError("of the job")

    thread = ModelThread("classify", max_waiting=1)

    with pytest.raises(TimeoutError, match="of the job"):
        await thread.run(job, timeout_s=5)

    thread.close()


async def test_closed_thread_is_unavailable() -> None:
    thread = ModelThread("classify", max_waiting=1)
    thread.close()

    for _ in range(3):  # a refused job holds no place
        with pytest.raises(Unavailable, match="classify is shutting down"):
            await thread.run(int, timeout_s=1)


async def test_close_waits_for_the_running_job() -> None:
    gate = Gate()
    thread = ModelThread("classify", max_waiting=1)
    running = asyncio.create_task(thread.run(gate, timeout_s=None))
    await gate.wait_until_running()

    closing = asyncio.create_task(asyncio.to_thread(thread.close))
    await asyncio.sleep(0)
    assert not closing.done()
    gate.may_end.set()
    await closing

    assert await running == "done"
