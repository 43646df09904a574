"""Fair shares of an amount; `tests.modelkit` has the turns of `FairSemaphore`."""

from servicekit.turns import FairShares


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
