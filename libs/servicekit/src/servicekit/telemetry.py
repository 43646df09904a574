"""Every metric and span of the mesh, named once; dashboards and alerts use only these names."""

from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a cached lookup to the seed's "up to a minute", about 2x apart.
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

RPC_SECONDS = "imagemesh_rpc_seconds"
RPCS_IN_FLIGHT = "imagemesh_rpcs_in_flight"
MODEL_ANSWERS = "imagemesh_model_answers"
MODEL_QUEUE_SECONDS = "imagemesh_model_queue_seconds"
MODEL_RUN_SECONDS = "imagemesh_model_run_seconds"
MODEL_BATCH_SIZE = "imagemesh_model_batch_size"
MODEL_WAITING = "imagemesh_model_waiting"
MODEL_CANCELLED = "imagemesh_model_cancelled"
MODEL_LOSSES = "imagemesh_model_losses"
HTTP_SECONDS = "imagemesh_http_seconds"
HTTP_IN_FLIGHT = "imagemesh_http_in_flight"
HTTP_CONNECTIONS = "imagemesh_http_connections"
HTTP_CONNECTIONS_REFUSED = "imagemesh_http_connections_refused"
PERIODIC_FAILURES = "imagemesh_periodic_failures"
PERIODIC_FAILING = "imagemesh_periodic_failing"
JOBS_WAITING = "imagemesh_jobs_waiting"
JOBS_OLDEST_SECONDS = "imagemesh_jobs_oldest_seconds"
JOBS_DEAD = "imagemesh_jobs_dead"
JOBS_ENDED = "imagemesh_jobs_ended"
JOBS_ITEMS = "imagemesh_jobs_items"
JOBS_REDELIVERIES = "imagemesh_jobs_redeliveries"
JOBS_WEBHOOKS = "imagemesh_jobs_webhooks"
FETCH_SECONDS = "imagemesh_fetch_seconds"
FETCH_BYTES = "imagemesh_fetch_bytes"
DATABASE_SECONDS = "imagemesh_database_seconds"
DATABASE_CONNECTIONS = "imagemesh_database_connections"
DATABASE_FAILURES = "imagemesh_database_failures"
STORAGE_BYTES = "imagemesh_storage_bytes"
STORAGE_FREE_BYTES = "imagemesh_storage_free_bytes"

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


class ServiceMetrics:
    """Metrics of a gRPC service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rpc_seconds = Histogram(
            RPC_SECONDS,
            "Time of an RPC from its start to its status, in seconds.",
            ["method", "code"],
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.rpcs_in_flight = Gauge(
            RPCS_IN_FLIGHT, "RPCs that are being answered now.", registry=self.registry
        )
        self.model_answers = Counter(
            MODEL_ANSWERS,
            "Answers by the model that gave them.",
            ["method", "model", "version", "device", "provider"],
            registry=self.registry,
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
        counter = partial(Counter, labelnames=["task"], registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.queue_seconds = histogram(
            MODEL_QUEUE_SECONDS,
            "Wait of a request, in seconds: in the queue, and prepared for its batch.",
            ["task", "stage"],
            buckets=SECONDS_BUCKETS,
        )
        self.run_seconds = histogram(
            MODEL_RUN_SECONDS,
            "Time that a model takes for a batch, in seconds.",
            ["task"],
            buckets=SECONDS_BUCKETS,
        )
        self.batch_size = histogram(
            MODEL_BATCH_SIZE,
            "Requests that a model answers together.",
            ["task"],
            buckets=BATCH_SIZE_BUCKETS,
        )
        self.waiting = Gauge(
            MODEL_WAITING, "Requests in the queue of a model.", ["task"], registry=registry
        )
        self.cancelled = counter(
            MODEL_CANCELLED, "Requests that were cancelled or out of time before their answer."
        )
        self.losses = counter(
            MODEL_LOSSES,
            "Times that a model's thread ended or hung, and the model was loaded again.",
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
        self.http_seconds = Histogram(
            HTTP_SECONDS,
            "Time of an HTTP request from its start to its last byte, in seconds.",
            ["route", "status"],
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.http_in_flight = Gauge(
            HTTP_IN_FLIGHT, "HTTP requests that are being answered now.", registry=self.registry
        )
        self.connections = Gauge(
            HTTP_CONNECTIONS, "HTTP connections of callers that are open.", registry=self.registry
        )
        self.connections_refused = Counter(
            HTTP_CONNECTIONS_REFUSED,
            "HTTP connections refused, by the limit that was reached: of all or of one address.",
            ["limit"],
            registry=self.registry,
        )


class PeriodicMetrics:
    """Metrics of the periodic tasks of a process.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.failures = Counter(
            PERIODIC_FAILURES,
            "Runs of a periodic task that failed.",
            ["task"],
            registry=registry,
        )
        self.failing = Gauge(
            PERIODIC_FAILING,
            "1 while the last run of a periodic task has failed, else 0.",
            ["task"],
            registry=registry,
        )


class JobMetrics:
    """Metrics of asynchronous jobs and their webhooks.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.waiting = Gauge(
            JOBS_WAITING,
            "Jobs and webhooks that wait or are worked on.",
            ["kind"],
            registry=registry,
        )
        self.oldest_seconds = Gauge(
            JOBS_OLDEST_SECONDS,
            "Age of the oldest job and webhook that waits or is worked on, in seconds.",
            ["kind"],
            registry=registry,
        )
        self.dead = Gauge(
            JOBS_DEAD, "Jobs that were given up, or whose webhook was.", registry=registry
        )
        self.ended = Counter(
            JOBS_ENDED, "Jobs that this process ended.", ["status"], registry=registry
        )
        self.items = Counter(
            JOBS_ITEMS, "Items of jobs that this process ended.", registry=registry
        )
        self.redeliveries = Counter(
            JOBS_REDELIVERIES, "Messages that were delivered again.", ["kind"], registry=registry
        )
        self.webhooks = Counter(
            JOBS_WEBHOOKS, "Deliveries of webhooks that were tried.", ["outcome"], registry=registry
        )


class FetchMetrics:
    """Metrics of the fetches of images by URL.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            FETCH_SECONDS,
            "Time of a fetch with its wait for a connection, in seconds.",
            ["outcome"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.bytes = Counter(FETCH_BYTES, "Bytes of fetched images.", registry=registry)


class DatabaseMetrics:
    """Metrics of the gateway's database.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            DATABASE_SECONDS,
            "Time of a transaction without its wait for a connection, in seconds.",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        connections = Gauge(
            DATABASE_CONNECTIONS,
            "Transactions that hold a connection of the pool, and that wait for one.",
            ["state"],
            registry=registry,
        )
        self.in_use = connections.labels("in use")
        self.waiting = connections.labels("waiting")
        self.failures = Counter(
            DATABASE_FAILURES,
            "Transactions that the database failed, by its state.",
            ["state"],
            registry=registry,
        )


class StorageMetrics:
    """Metrics of the files that the gateway keeps.

    Args:
        registry: Of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.bytes = Counter(STORAGE_BYTES, "Bytes of results stored.", registry=registry)
        self.free_bytes = Gauge(
            STORAGE_FREE_BYTES,
            "Free bytes of the disk of a folder; 0 while it is away.",
            ["folder"],
            registry=registry,
        )
