"""Asks about many inputs, some at once, and tells each outcome in the order of the inputs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imagemesh.client.errors import ApiError, ClientError, InvalidInput, Unreachable
from imagemesh.client.inputs import Input

# A wrong key, one without the right or an endpoint that is off, an empty balance.
_HOPELESS_STATUSES: Final = frozenset({401, 403, 406})


class NothingHosted(InvalidInput):
    """The server answers with images themselves, and the user named no folder for them."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and the file that was made of it."""

    answer: Any  # of each command its own
    saved: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one input: an answer or an error."""

    name: str
    result: Found | ClientError


Ask = Callable[[Input], Awaitable[Found]]


async def ask_all(
    inputs: Sequence[Input], *, ask: Ask, tell: Callable[[Outcome], None], parallel: int
) -> int:
    """Ask about every input, and return how many were left out.

    After an error that every other input would meet too, which is told once, nothing is begun.

    Args:
        inputs: in the order in which `tell` has their outcomes.
        ask: asks about one.
        tell: takes each outcome.
        parallel: how many are asked at once.
    """
    waiting = iter(enumerate(inputs))
    done: dict[int, Outcome | None] = {}
    told = turn = 0
    is_hopeless = False

    async def work() -> None:
        nonlocal told, turn, is_hopeless
        for number, each in waiting:
            outcome = await outcome_of(each, ask)
            is_repeated = is_hopeless and _is_hopeless(outcome.result)
            is_hopeless = is_hopeless or _is_hopeless(outcome.result)
            done[number] = None if is_repeated else outcome
            while turn in done:
                if (ready := done.pop(turn)) is not None:
                    tell(ready)
                    told += 1
                turn += 1
            if is_hopeless:
                return

    await asyncio.gather(*(work() for _ in range(min(parallel, len(inputs)))))
    return len(inputs) - told


async def outcome_of(each: Input, ask: Ask) -> Outcome:
    """Return the answer or the error of one input."""
    try:
        return Outcome(each.name, await ask(each))
    except ClientError as error:
        return Outcome(each.name, error)


def _is_hopeless(result: Found | ClientError) -> bool:
    if isinstance(result, ApiError):
        return result.status in _HOPELESS_STATUSES
    return isinstance(result, Unreachable | NothingHosted)
