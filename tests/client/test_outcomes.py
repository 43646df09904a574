"""Many inputs: how many at once, in which order, and when no more are begun."""

import asyncio
from pathlib import Path

import pytest

from imagemesh.client import ApiError, ClientError, InvalidInput, Unreachable
from imagemesh.client.inputs import Input
from imagemesh.client.outcomes import Found, NothingHosted, Outcome, ask_all

INPUTS = [Input(str(number), b"", Path(str(number))) for number in range(6)]


async def nothing(given: Input) -> Found:
    return Found(given.name)


async def test_so_many_are_asked_at_once_and_no_more() -> None:
    full, running, most = asyncio.Event(), 0, 0

    async def ask(given: Input) -> Found:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await full.wait()
        running -= 1
        return await nothing(given)

    told: list[Outcome] = []
    left = await ask_all(INPUTS, ask=ask, tell=told.append, parallel=3)

    assert (left, most, len(told)) == (0, 3, 6)


async def test_outcomes_are_told_in_the_order_of_the_inputs() -> None:
    last_began = asyncio.Event()

    async def ask(given: Input) -> Found:
        if given.name == "0":
            await last_began.wait()
        if given.name == "5":
            last_began.set()
        return await nothing(given)

    told: list[Outcome] = []
    await ask_all(INPUTS, ask=ask, tell=told.append, parallel=2)

    assert [outcome.name for outcome in told] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (InvalidInput("no file"), 0),
        (ApiError("bad", status=422, code="unreadable_image", request_id=""), 0),
        (ApiError("wrong", status=401, code="unauthorized", request_id=""), 5),
        (ApiError("off", status=403, code="endpoint_off", request_id=""), 5),
        (ApiError("empty", status=406, code="insufficient_balance", request_id=""), 5),
        (Unreachable("nobody"), 5),
        (NothingHosted("where to?"), 5),
    ],
)
async def test_no_more_are_begun_after_what_all_would_meet(error: ClientError, left: int) -> None:
    async def ask(_: Input) -> Found:
        raise error

    told: list[Outcome] = []

    assert await ask_all(INPUTS, ask=ask, tell=told.append, parallel=1) == left
    assert [outcome.result for outcome in told] == [error] * (6 - left)


async def test_bug_is_not_hidden_in_a_group() -> None:
    async def ask(_: Input) -> Found:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask_all(INPUTS, ask=ask, tell=lambda _: None, parallel=2)
