"""Every metric of the mesh, declared once; dashboards and alerts use only these names."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a cached lookup to the seed's "up to a minute", about 2x apart.
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

RPC_SECONDS = "imagemesh_rpc_seconds"
RPCS_IN_FLIGHT = "imagemesh_rpcs_in_flight"
MODEL_ANSWERS = "imagemesh_model_answers"
HTTP_SECONDS = "imagemesh_http_seconds"
HTTP_IN_FLIGHT = "imagemesh_http_in_flight"


@dataclass(frozen=True, slots=True)
class ServiceMetrics:
    """Metrics of a gRPC service, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    rpc_seconds: Histogram = field(init=False)
    rpcs_in_flight: Gauge = field(init=False)
    model_answers: Counter = field(init=False)

    def __post_init__(self) -> None:
        """Register the metrics."""
        seconds = Histogram(
            RPC_SECONDS,
            "Time of an RPC from its start to its status, in seconds.",
            ["method", "code"],
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        in_flight = Gauge(
            RPCS_IN_FLIGHT, "RPCs that are being answered now.", registry=self.registry
        )
        answers = Counter(
            MODEL_ANSWERS,
            "Answers by the model that gave them.",
            ["method", "model", "version", "device"],
            registry=self.registry,
        )
        object.__setattr__(self, "rpc_seconds", seconds)
        object.__setattr__(self, "rpcs_in_flight", in_flight)
        object.__setattr__(self, "model_answers", answers)


@dataclass(frozen=True, slots=True)
class HttpMetrics:
    """Metrics of the gateway, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    http_seconds: Histogram = field(init=False)
    http_in_flight: Gauge = field(init=False)

    def __post_init__(self) -> None:
        """Register the metrics."""
        seconds = Histogram(
            HTTP_SECONDS,
            "Time of an HTTP request from its start to its last byte, in seconds.",
            ["route", "status"],
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        in_flight = Gauge(
            HTTP_IN_FLIGHT, "HTTP requests that are being answered now.", registry=self.registry
        )
        object.__setattr__(self, "http_seconds", seconds)
        object.__setattr__(self, "http_in_flight", in_flight)
