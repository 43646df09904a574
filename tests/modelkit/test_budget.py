"""Budget of bytes: requests that fit, requests that wait, and their order."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from modelkit.budget import ByteBudget
from tests.modelkit.virtual_time import run_in_virtual_time

TOTAL = 10


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 15), st.integers(0, 5), st.none() | st.integers(0, 8)),
        max_size=12,
    )
)
def test_budget_is_kept_and_comes_back(parts: list[tuple[int, int, int | None]]) -> None:
    """Each part has a size, a time that it is held, and perhaps a time when its holder leaves."""
    held: list[int] = []
    begun: list[int] = []

    async def take(number: int, size: int, hold_s: int) -> None:
        async with budget.hold(size):
            begun.append(number)
            held.append(min(size, TOTAL))
            assert sum(held) <= TOTAL
            try:
                await asyncio.sleep(hold_s)
            finally:
                held.remove(min(size, TOTAL))

    async def live() -> None:
        tasks = []
        for number, (size, hold_s, leaves_s) in enumerate(parts):
            task = asyncio.create_task(take(number, size, hold_s))
            tasks.append(task)
            if leaves_s is not None:
                asyncio.get_running_loop().call_later(leaves_s, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(9)
        async with asyncio.timeout(1), budget.hold(TOTAL):
            pass

    budget = ByteBudget(TOTAL)
    run_in_virtual_time(live())

    assert begun == sorted(begun), "somebody overtook"


async def test_part_that_comes_too_late_comes_back() -> None:
    budget = ByteBudget(TOTAL)

    async def take() -> None:
        async with budget.hold(TOTAL):
            raise AssertionError("it was cancelled")

    async with budget.hold(TOTAL):
        waiting = asyncio.create_task(take())
        await asyncio.sleep(0)
    waiting.cancel()  # it has its part and does not know it yet

    async with asyncio.timeout(5), budget.hold(TOTAL):
        assert waiting.cancelled()
