"""Fair shares of an amount, and places that callers take in turn."""

import asyncio

import pytest

from servicekit.turns import FairSemaphore, FairShares


def test_caller_alone_leaves_the_reserve_to_the_others() -> None:
    shares = FairShares(12, reserved=4)
    shares.take("greedy", 8)

    assert not shares.fits("greedy", 1)
    assert shares.fits("other", 4)
    assert not shares.fits("other", 5)


def test_contending_callers_come_to_equal_shares() -> None:
    shares = FairShares(12, reserved=4)
    shares.take("greedy", 8)
    shares.take("other", 4)
    shares.give_back("greedy", 1)

    assert not shares.fits("greedy", 1)  # it holds more than half
    assert shares.fits("other", 1)


def test_freed_amount_is_open_again() -> None:
    shares = FairShares(12, reserved=4)
    shares.take("other", 4)
    shares.give_back("other", 4)

    assert shares.fits("greedy", 8)
    assert shares.used == 0


async def test_full_queue_takes_the_caller_with_fewer_requests_and_refuses_the_newest() -> None:
    places = FairSemaphore(1)
    await places.acquire("greedy")
    waiting = [asyncio.create_task(places.acquire("greedy")) for _ in range(3)]
    await asyncio.sleep(0)

    assert not places.displace("greedy", OverflowError())
    assert places.displace("other", OverflowError())

    with pytest.raises(OverflowError):
        await waiting[2]
    assert places.waiting == 2
    other = asyncio.create_task(places.acquire("other"))
    await asyncio.sleep(0)
    places.release("greedy")
    await waiting[0]
    places.release("greedy")
    await other
    places.release("other")
    await waiting[1]
