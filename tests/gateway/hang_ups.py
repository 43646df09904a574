"""Work by an Idempotency-Key, and cancellation at a chosen step, as by a caller who hangs up."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from starlette.responses import Response

from gateway.accounts.idempotency import Claim, IdempotentAnswers


async def cut(work: Coroutine[object, object, object], *, after_steps: int) -> None:
    """Cancel `work` after so many steps of the event loop, and wait for its end."""
    task = asyncio.create_task(work)
    for _ in range(after_steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def once(
    answers: IdempotentAnswers,
    key: str,
    work: Callable[[Claim], Awaitable[Response]],
    *,
    account: str = "ada",
    fingerprint: str = "f",
) -> Response:
    """Return the answer of `work`, or the one that it gave to an earlier request."""
    async with answers.claiming(account, key=key, fingerprint=fingerprint) as claim:
        return claim.answer or await work(claim)
