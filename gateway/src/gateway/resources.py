"""Resources of a gateway's process, which its stores, jobs and handlers are made of."""

from contextlib import ExitStack
from dataclasses import dataclass

from obstore.store import ObjectStore
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.storage import Storage
from gateway.database.clock import Clock
from gateway.periodic import PeriodicTasks
from gateway.settings import GatewaySettings
from servicekit.telemetry import JobMetrics
from servicekit.tracing.opening import Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Process that the gateway runs in.

    Attributes:
        traces: of its requests.
        tasks: its periodic tasks.
        metrics: of its jobs.
        leaving: its callbacks run when the process is told to end, before it drains; they neither
            wait nor raise.
        is_worker: it works on jobs and takes no requests.
    """

    traces: Traces
    tasks: PeriodicTasks
    metrics: JobMetrics
    leaving: ExitStack
    is_worker: bool


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources that are open while the process runs.

    Attributes:
        settings: of the process.
        process: that they belong to.
        database: of the gateway.
        objects: store of hosted results and of the inputs of jobs.
        clock: gives the time now, UTC without a zone.
        storage: limits what is kept.
    """

    settings: GatewaySettings
    process: Process
    database: AsyncEngine
    objects: ObjectStore
    clock: Clock
    storage: Storage
