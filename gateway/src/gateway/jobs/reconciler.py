"""Reconciler: brings the stream, the object store and the metrics in line with the database."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from attrs import define

from gateway.jobs.backlog import DEAD, Backlog, Published
from gateway.jobs.engine import JOBS, WEBHOOKS, EngineUnavailable, JobEngine
from gateway.jobs.inputs import JobInputs
from gateway.jobs.publishing import Publisher, account_token, receiver_token
from gateway.jobs.records import JobRecord
from gateway.periodic import uncut
from servicekit.logs import get_logger
from servicekit.telemetry import JobMetrics

RECONCILE_EVERY_S: Final = 5.0
SWEEP_EVERY_S: Final = 3600.0

_log = get_logger("jobs")


@define(eq=False)
class Reconciler:
    """Publishes again what was committed and never published, and what NATS has lost."""

    _backlog: Backlog
    _engine: JobEngine
    _publisher: Publisher
    _inputs: JobInputs
    _metrics: JobMetrics

    async def reconcile(self) -> None:
        """Publish what is missing in the stream, and delete what is not needed any more."""
        await uncut(self._reconcile())

    async def sweep(self) -> None:
        """Delete inputs that belong to no job."""
        await uncut(self._sweep())

    async def _reconcile(self) -> None:
        if self._engine.is_ready:
            with suppress(EngineUnavailable):
                await self._publish_missing()
        await self._clean_up()
        await self._measure()

    async def _sweep(self) -> None:
        for job in await self._backlog.unknown(await self._inputs.old()):
            await self._inputs.delete(job)

    async def _publish_missing(self) -> None:
        jobs = await self._backlog.unpublished(JOBS)
        webhooks = await self._backlog.unpublished(WEBHOOKS)
        jobs += await self._lost_jobs()
        webhooks += await self._lost_webhooks()
        for record in jobs:
            await self._publisher.publish_job(record)
        for record in webhooks:
            await self._publisher.publish_webhook(record)
        if jobs or webhooks:
            _log.warning("messages published again", jobs=len(jobs), webhooks=len(webhooks))

    async def _lost_jobs(self) -> list[JobRecord]:
        """Return jobs whose message the stream has lost."""
        wanted = await self._backlog.counts()
        await self._engine.refresh()
        found = self._engine.counts(JOBS)
        short = [name for name, n in wanted.items() if found.get(account_token(name), 0) < n]
        return await self._lost(await self._backlog.published(JOBS, short)) if short else []

    async def _lost_webhooks(self) -> list[JobRecord]:
        waiting = await self._backlog.published(WEBHOOKS)
        short = self._engine.short(WEBHOOKS, [receiver_token(one.record) for one in waiting])
        return await self._lost(one for one in waiting if receiver_token(one.record) in short)

    async def _lost(self, waiting: Iterable[Published]) -> list[JobRecord]:
        return [
            one.record for one in waiting if not await self._engine.holds(one.place, one.record.id)
        ]

    async def _clean_up(self) -> None:
        found = await self._backlog.leftovers()
        for job in (*found.spent, *found.expired):
            await self._inputs.delete(job)
        if found.expired:
            await self._backlog.delete(found.expired)

    async def _measure(self) -> None:
        depths = await self._backlog.depths()
        for kind in (JOBS, WEBHOOKS):
            self._metrics.waiting.labels(kind).set(depths[kind].count)
            self._metrics.oldest_seconds.labels(kind).set(depths[kind].oldest_s)
        self._metrics.dead.set(depths[DEAD].count)
