"""Submission and cancellation of jobs."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace

from attrs import define
from starlette.responses import Response

from gateway.accounts.idempotency import Claim
from gateway.jobs.engine import CANCELLED, JobEngine
from gateway.jobs.inputs import JobInputs
from gateway.jobs.publishing import Publisher
from gateway.jobs.records import JobRecord, NewJob
from gateway.jobs.store import JobStore
from gateway.periodic import uncut
from gateway.problems import Problem


@define(eq=False)
class Jobs:
    """Takes and cancels jobs."""

    store: JobStore
    inputs: JobInputs
    engine: JobEngine
    publisher: Publisher

    async def submit(
        self,
        job: NewJob,
        content: bytes,
        *,
        claim: Claim,
        respond: Callable[[JobRecord], Response],
    ) -> Response:
        """Store a job and its input, have it worked on, and return the response to its caller.

        Args:
            job: without its id.
            content: of its input.
            claim: keeps the response by the Idempotency-Key.
            respond: makes the response.

        Raises:
            Problem: 429, there are too many; 507; 503, NATS or a store is away.
        """
        self.engine.check()
        job = replace(job, id=NewJob.new_id(), input_bytes=len(content))
        await self.store.check_room(job.account, input_bytes=len(content))
        # The input first: a job without its input cannot be worked on; the other is swept.
        await self.inputs.write(job.id, content)
        # Also for a caller who hangs up, so that the job is either whole or not there.
        return await uncut(self._add(job, claim, respond))

    async def _add(
        self, job: NewJob, claim: Claim, respond: Callable[[JobRecord], Response]
    ) -> Response:
        """Store a job whose input is stored, have it worked on, and return the response."""
        try:
            record, response = await self.store.add(job, claim, respond)
        except BaseException:
            with suppress(Problem):
                await self.inputs.delete(job.id)
            raise
        await self.publisher.publish_job(record)
        return response

    async def cancel(
        self, job: str, *, account: str, scopes: Collection[str] | None = None
    ) -> bool:
        """End and delete that job; return False where a key with these scopes may not see it."""
        if await self.store.find(job, account=account, scopes=scopes) is None:
            return False
        await self.inputs.delete(job)
        if not await self.store.remove(job, account=account):
            return False
        await self.engine.tell(CANCELLED, job)
        return True
