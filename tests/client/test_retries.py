"""The back-off, in a time that only the test lets pass."""

import pytest

from imagemesh.client.errors import ApiError, ClientError, TimedOut, Unreachable
from imagemesh.client.retries import MAX_UNREACHABLE
from tests.client.scripted import Time


def busy(retry_after_s: float = 0.0) -> ApiError:
    return ApiError(
        "full",
        status=503,
        code="overloaded",
        request_id="1",
        may_repeat=True,
        retry_after_s=retry_after_s,
    )


class Attempts:
    """Raises each error in turn, the last one for ever, and then answers "answer"."""

    def __init__(self, *errors: ClientError | None) -> None:
        self._errors = list(errors)
        self.left_s: list[float] = []

    async def __call__(self, left_s: float) -> str:
        """Fail or answer."""
        self.left_s.append(left_s)
        error = self._errors.pop(0) if len(self._errors) > 1 else self._errors[0]
        if error is not None:
            raise error
        return "answer"


async def test_passing_fault_is_tried_again_after_longer_and_longer_waits() -> None:
    time = Time()
    attempts = Attempts(busy(), busy(), busy(), None)

    assert await time.retries().call(attempts) == "answer"

    for wait_s, longest_s in zip(time.waits_s, (0.5, 1.0, 2.0), strict=True):
        assert longest_s / 2 <= wait_s <= longest_s


async def test_wait_that_would_end_too_late_is_not_begun() -> None:
    time = Time()

    with pytest.raises(ApiError, match="full"):
        await time.retries(5.0).call(Attempts(busy(retry_after_s=60.0)))

    assert time.waits_s == []


async def test_fault_that_does_not_pass_is_told_when_the_time_is_over() -> None:
    time = Time()

    with pytest.raises(ApiError, match="full"):
        await time.retries(200.0).call(Attempts(busy()))

    assert 160.0 < time.now_s < 200.0
    assert max(time.waits_s) <= 20.0


async def test_address_where_nobody_answers_is_given_up_before_the_time_is_over() -> None:
    time = Time()
    attempts = Attempts(Unreachable("nobody", may_repeat=True))

    with pytest.raises(Unreachable):
        await time.retries(3600.0).call(attempts)

    assert len(attempts.left_s) == MAX_UNREACHABLE
    assert time.now_s < 16.0


async def test_connection_that_breaks_now_and_then_is_not_given_up() -> None:
    broken = Unreachable("broke", may_repeat=True)
    attempts = Attempts(*[broken, broken, busy()] * 4, None)

    assert await Time().retries(3600.0).call(attempts) == "answer"


async def test_time_that_runs_out_in_a_repetition_tells_the_fault_before() -> None:
    with pytest.raises(ApiError, match="full"):
        await Time().retries().call(Attempts(busy(), TimedOut("late")))
