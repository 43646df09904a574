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
    """Process that the gateway runs in."""

    traces: Traces
    tasks: PeriodicTasks
    metrics: JobMetrics
    # Its callbacks run when the process is told to end, before it drains; they neither wait nor
    # raise.
    leaving: ExitStack
    is_worker: bool  # it works on jobs and takes no requests


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources that are open while the process runs."""

    settings: GatewaySettings
    process: Process
    database: AsyncEngine
    objects: ObjectStore  # store of hosted results and of the inputs of jobs
    clock: Clock
    storage: Storage
