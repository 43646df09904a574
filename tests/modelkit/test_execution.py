"""Thread of a model: its jobs, and the outcomes of jobs when it ends."""

import asyncio
import threading

import pytest

from modelkit.execution import ModelLost, ModelThread
from tests.modelkit.held_jobs import HeldJob


async def test_all_jobs_run_in_the_same_thread() -> None:
    thread = ModelThread("classify")

    names = [await thread.run(threading.current_thread) for _ in range(3)]
    thread.close()

    assert len(set(names)) == 1
    assert names[0].name == "classify"
    assert not thread.is_alive


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("no"), MemoryError("no")])
async def test_error_of_a_job_is_its_own(error: Exception) -> None:
    def job() -> None:
        raise error

    thread = ModelThread("classify")

    with pytest.raises(type(error), match="no"):
        await thread.run(job, limit_s=5)

    assert await thread.run(int, "7") == 7
    thread.close()


async def test_job_that_stops_iteration_does_not_hang() -> None:
    """Asyncio's futures refuse this one error."""

    def job() -> None:
        raise StopIteration

    thread = ModelThread("classify")

    with pytest.raises(RuntimeError):
        await thread.run(job)

    thread.close()


async def test_end_of_the_thread_is_told_at_once_and_to_all() -> None:
    def job() -> None:
        raise SystemExit

    thread = ModelThread("classify")

    outcomes = await asyncio.gather(thread.run(job), thread.run(int), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [ModelLost, ModelLost]
    with pytest.raises(ModelLost, match="the model of classify ended"):
        await thread.run(int)


async def test_job_that_takes_too_long_is_lost() -> None:
    job = HeldJob()
    thread = ModelThread("classify")

    with pytest.raises(ModelLost, match="the model of classify hangs"):
        await thread.run(job, limit_s=0.01)

    thread.stop()
    assert thread.is_alive
    job.may_end.set()
    thread.close()
    assert not thread.is_alive


async def test_close_waits_for_the_running_job() -> None:
    job = HeldJob()
    thread = ModelThread("classify")
    running = thread.run(job)
    await job.wait_until_running()

    closing = asyncio.create_task(asyncio.to_thread(thread.close))
    await asyncio.sleep(0)
    assert not closing.done()
    job.may_end.set()
    await closing

    assert await running == "done"
    with pytest.raises(ModelLost):
        await thread.run(int)
