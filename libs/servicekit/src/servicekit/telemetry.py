"""Every metric and span of the mesh, named once; dashboards and alerts use only these names."""

from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a cached lookup to the seed's "up to a minute", about 2x apart.
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# Steps of one request, as spans within its own.
SPAN_DECODE = "decode image"
SPAN_QUEUE = "wait in queue"
SPAN_BATCH = "wait for model"
SPAN_RUN = "run model"

# Attributes of spans; those that OpenTelemetry has names for are called so.
SPAN_HTTP_METHOD = "http.request.method"
SPAN_HTTP_ROUTE = "http.route"
SPAN_HTTP_STATUS = "http.response.status_code"
SPAN_RPC_SYSTEM = "rpc.system.name"
SPAN_RPC_METHOD = "rpc.method"
SPAN_RPC_STATUS = "rpc.response.status_code"
SPAN_REQUEST_ID = "imagemesh.request_id"
SPAN_TASK = "imagemesh.task"
SPAN_BATCH_SIZE = "imagemesh.batch_size"

# Stages of a wait: in the queue to be prepared, and prepared for the model to be free.
QUEUE, BATCH = "queue", "batch"
BATCH_SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


def _makers(
    registry: CollectorRegistry,
) -> tuple["partial[Counter]", "partial[Gauge]", "partial[Histogram]"]:
    """Return the makers of a counter, a gauge and a histogram of seconds in a registry."""
    return (
        partial(Counter, registry=registry),
        partial(Gauge, registry=registry),
        partial(Histogram, buckets=SECONDS_BUCKETS, registry=registry),
    )


class ServiceMetrics:
    """Metrics of a gRPC service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, gauge, seconds = _makers(self.registry)
        self.rpc_seconds = seconds(
            "imagemesh_rpc_seconds",
            "Time of an RPC from its start to its status, in seconds.",
            ["method", "code"],
        )
        self.rpcs_in_flight = gauge("imagemesh_rpcs_in_flight", "RPCs that are being answered now.")
        self.model_answers = counter(
            "imagemesh_model_answers",
            "Answers by the model that gave them.",
            ["method", "model", "version", "device", "provider"],
        )


@dataclass(frozen=True, slots=True)
class TaskMetrics:
    """Metrics of one model, bound to its name."""

    queue_seconds: Histogram
    batch_seconds: Histogram
    run_seconds: Histogram
    batch_size: Histogram
    waiting: Gauge
    cancelled: Counter
    losses: Counter


class ModelMetrics:
    """Metrics of the models of a service, in the registry of the service.

    Args:
        registry: Of the service.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge, seconds = _makers(registry)
        self.queue_seconds = seconds(
            "imagemesh_model_queue_seconds",
            "Wait of a request, in seconds: in the queue, and prepared for its batch.",
            ["task", "stage"],
        )
        self.run_seconds = seconds(
            "imagemesh_model_run_seconds",
            "Time that a model takes for a batch, in seconds.",
            ["task"],
        )
        self.batch_size = Histogram(
            "imagemesh_model_batch_size",
            "Requests that a model answers together.",
            ["task"],
            buckets=BATCH_SIZE_BUCKETS,
            registry=registry,
        )
        self.waiting = gauge(
            "imagemesh_model_waiting", "Requests in the queue of a model.", ["task"]
        )
        self.cancelled = counter(
            "imagemesh_model_cancelled",
            "Requests that were cancelled or out of time before their answer.",
            ["task"],
        )
        self.losses = counter(
            "imagemesh_model_losses",
            "Times that a model's thread ended or hung, and the model was loaded again.",
            ["task"],
        )

    def of(self, task: str) -> TaskMetrics:
        """Return the metrics of one model, from now on exported, at first as zeros."""
        return TaskMetrics(
            queue_seconds=self.queue_seconds.labels(task, QUEUE),
            batch_seconds=self.queue_seconds.labels(task, BATCH),
            run_seconds=self.run_seconds.labels(task),
            batch_size=self.batch_size.labels(task),
            waiting=self.waiting.labels(task),
            cancelled=self.cancelled.labels(task),
            losses=self.losses.labels(task),
        )


class HttpMetrics:
    """Metrics of the gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, gauge, seconds = _makers(self.registry)
        self.http_seconds = seconds(
            "imagemesh_http_seconds",
            "Time of an HTTP request from its start to its last byte, in seconds.",
            ["route", "status"],
        )
        self.http_in_flight = gauge(
            "imagemesh_http_in_flight", "HTTP requests that are being answered now."
        )
        self.connections = gauge(
            "imagemesh_http_connections", "HTTP connections of callers that are open."
        )
        self.connections_refused = counter(
            "imagemesh_http_connections_refused",
            "HTTP connections refused, by the limit that was reached: of all or of one address.",
            ["limit"],
        )


class PeriodicMetrics:
    """Metrics of the periodic tasks of a process.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        counter, gauge, _ = _makers(registry)
        self.failures = counter(
            "imagemesh_periodic_failures", "Runs of a periodic task that failed.", ["task"]
        )
        self.failing = gauge(
            "imagemesh_periodic_failing",
            "1 while the last run of a periodic task has failed, else 0.",
            ["task"],
        )


class JobMetrics:
    """Metrics of asynchronous jobs and their webhooks.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        counter, gauge, _ = _makers(registry)
        self.waiting = gauge(
            "imagemesh_jobs_waiting", "Jobs and webhooks that wait or are worked on.", ["kind"]
        )
        self.oldest_seconds = gauge(
            "imagemesh_jobs_oldest_seconds",
            "Age of the oldest job and webhook that waits or is worked on, in seconds.",
            ["kind"],
        )
        self.dead = gauge("imagemesh_jobs_dead", "Jobs that were given up, or whose webhook was.")
        self.ended = counter("imagemesh_jobs_ended", "Jobs that this process ended.", ["status"])
        self.items = counter("imagemesh_jobs_items", "Items of jobs that this process ended.")
        self.redeliveries = counter(
            "imagemesh_jobs_redeliveries", "Messages that were delivered again.", ["kind"]
        )
        self.webhooks = counter(
            "imagemesh_jobs_webhooks", "Deliveries of webhooks that were tried.", ["outcome"]
        )


class FetchMetrics:
    """Metrics of the fetches of images by URL.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, _, seconds = _makers(registry)
        self.seconds = seconds(
            "imagemesh_fetch_seconds",
            "Time of a fetch with its wait for a connection, in seconds.",
            ["outcome"],
        )
        self.bytes = counter("imagemesh_fetch_bytes", "Bytes of fetched images.")


class DatabaseMetrics:
    """Metrics of the gateway's database.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge, seconds = _makers(registry)
        self.seconds = seconds(
            "imagemesh_database_seconds",
            "Time of a transaction without its wait for a connection, in seconds.",
        )
        connections = gauge(
            "imagemesh_database_connections",
            "Transactions that hold a connection of the pool, and that wait for one.",
            ["state"],
        )
        self.in_use = connections.labels("in use")
        self.waiting = connections.labels("waiting")
        self.failures = counter(
            "imagemesh_database_failures",
            "Transactions that the database failed, by its state.",
            ["state"],
        )


class StorageMetrics:
    """Metrics of the files that the gateway keeps.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge, _ = _makers(registry)
        self.bytes = counter("imagemesh_storage_bytes", "Bytes of results stored.")
        self.free_bytes = gauge(
            "imagemesh_storage_free_bytes",
            "Free bytes of the disk of a folder; 0 while it is away.",
            ["folder"],
        )
