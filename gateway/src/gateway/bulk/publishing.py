"""Publication of shards: a window of each bulk job, moved on by every shard that is over."""

from collections.abc import Mapping
from contextlib import suppress

from attrs import define

from gateway.bulk.records import BulkRecord
from gateway.bulk.store import BulkStore
from gateway.database.engine import DatabaseUnavailable
from gateway.jobs.engine import BULK, EngineUnavailable, JobEngine
from gateway.jobs.publishing import account_token


@define(eq=False)
class BulkPublisher:
    """Publishes ids of shards; what cannot be published is left to the `BulkUpkeep`."""

    _engine: JobEngine
    _store: BulkStore

    async def publish(self, bulk: BulkRecord, shards: Mapping[int, int]) -> None:
        """Have workers work on shards.

        Args:
            bulk: job that they are of.
            shards: number of the publication by that of the shard.
        """
        token = account_token(bulk.account)
        places = {}
        with suppress(EngineUnavailable, DatabaseUnavailable):
            for shard, number in shards.items():
                job = f"{bulk.id}.{shard}"
                place = await self._engine.publish(BULK, token, job=job, number=number)
                places[shard] = place
            if places:
                await self._store.published(bulk.id, places)
