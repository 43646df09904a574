"""Faults of the clusters of an Envoy configuration: which replica is asked, and which is left."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from servicekit.settings import ServiceSettings
from tests.deploy.paths import ABSENT, seen

Yaml = Any  # Any: a YAML document

SERVICES = ("colorize", "ocr", "vision")
BEHIND = ("gateway", *SERVICES)
RPCS = ServiceSettings.model_fields["max_concurrent_rpcs"].default
REPLICAS = 2  # of each service by default
GATEWAY_IDLE_S = 75  # how long the gateway keeps a connection open

_HTTP = "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_HTTP2 = f"{_HTTP}/explicit_http_config/http2_protocol_options"
_CIRCUIT = "circuit_breakers/thresholds/0"
_DNS = "cluster_type/typed_config"
_BALANCER = "load_balancing_policy/policies/0/typed_extension_config/typed_config"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a value of some clusters must be within; a duration in seconds.

    Attributes:
        clusters: that it is for.
        path: of the value; it must be there.
        least: it may be.
        most: it may be.
        why: what happens outside.
    """

    clusters: tuple[str, ...]
    path: str
    least: float
    most: float
    why: str


BOUNDS = (
    Bound((*BEHIND, "authz"), "connect_timeout", 0.2, 5, "a host that is gone is waited for"),
    Bound((*BEHIND, "authz"), f"{_DNS}/dns_refresh_rate", 1, 10, "a new replica gets no traffic"),
    Bound(BEHIND, "health_checks/0/timeout", 1, 3, "busy is taken for dead, or dead for busy"),
    Bound(BEHIND, "health_checks/0/interval", 2, 5, "a dead replica is asked on"),
    Bound(BEHIND, "health_checks/0/no_traffic_interval", 2, 5, "a new replica gets no traffic"),
    Bound(BEHIND, "health_checks/0/unhealthy_threshold", 2, 3, "one slow answer counts, or none"),
    Bound(BEHIND, "health_checks/0/healthy_threshold", 1, 2, "a new replica gets no traffic"),
    Bound(BEHIND, "outlier_detection/max_ejection_percent", 10, 50, "all or none are left"),
    Bound(BEHIND, "outlier_detection/base_ejection_time", 1, 30, "a good replica is left alone"),
    Bound(BEHIND, "outlier_detection/consecutive_local_origin_failure", 1, 3, "dead ones stay"),
    Bound(SERVICES, "outlier_detection/consecutive_5xx", 3, 10, "broken ones stay"),
    Bound(BEHIND, "common_lb_config/healthy_panic_threshold/value", 0, 0, "dead hosts are asked"),
    Bound(BEHIND, "common_lb_config/update_merge_window", 0, 0, "an ejection is told late"),
    Bound(BEHIND, "ignore_health_on_host_removal", 1, 1, "pods that end are asked on"),
    Bound(BEHIND, f"{_CIRCUIT}/max_requests", REPLICAS * RPCS, 8192, "replicas are never full"),
    Bound(BEHIND, f"{_CIRCUIT}/max_pending_requests", RPCS, 4096, "a burst is refused"),
    Bound(("gateway",), f"{_CIRCUIT}/max_connections", 1024, 8192, "a burst is refused"),
    Bound(BEHIND, f"{_CIRCUIT}/retry_budget/budget_percent/value", 10, 50, "retries storm"),
    Bound(BEHIND, f"{_CIRCUIT}/retry_budget/min_retry_concurrency", 3, 32, "retries storm"),
    # A server of gRPC takes a ping in 10 s; more of them end the connection.
    Bound(SERVICES, f"{_HTTP2}/connection_keepalive/interval", 10, 30, "pings, or none, part us"),
    Bound(SERVICES, f"{_HTTP2}/connection_keepalive/timeout", 1, 10, "a host cut off is held"),
    Bound(("gateway", "authz"), f"{_HTTP}/common_http_protocol_options/idle_timeout", 1,
          GATEWAY_IDLE_S - 1, "requests meet a connection that the gateway closes"),
)  # fmt: skip

RULES: tuple[tuple[tuple[str, ...], str, Callable[[Any], bool]], ...] = (  # Any: what is there
    ((*BEHIND, "authz"), "cluster_type/name", lambda value: value == "envoy.clusters.dns"),
    ((*BEHIND, "authz"), f"{_DNS}/respect_dns_ttl", lambda value: value is False),
    ((*BEHIND, "authz"), f"{_DNS}/dns_lookup_family",
     lambda value: value in {ABSENT, "AUTO", "ALL", "V4_PREFERRED"}),
    ((*BEHIND, "authz"), f"{_BALANCER}/@type", lambda value: value.endswith(".LeastRequest")),
    ((*BEHIND, "authz"), f"{_BALANCER}/selection_method", lambda value: value == "FULL_SCAN"),
    (BEHIND, "outlier_detection/split_external_local_origin_errors", lambda value: value is True),
    (SERVICES, _HTTP2, lambda value: value != ABSENT),
    (("gateway",), "health_checks/0/http_health_check/path", lambda value: value == "/healthz"),
)  # fmt: skip


def seconds(duration: str) -> float:
    """Return a duration of a configuration, such as 0.25s, in seconds."""
    return float(duration.removesuffix("s"))


def cluster_faults(config: Yaml) -> Iterator[str]:
    """Return what is wrong with the clusters."""
    for cluster in config["static_resources"]["clusters"]:
        name = cluster["name"]
        for bound in BOUNDS:
            if name in bound.clusters:
                yield from (f"{name}: {fault}" for fault in _bound(bound, cluster))
        for clusters, path, holds in RULES:
            if name in clusters and not holds(seen(cluster, path)):
                yield f"{name}: {path} is {seen(cluster, path)}"


def _bound(bound: Bound, cluster: Yaml) -> Iterator[str]:
    value = seen(cluster, bound.path)
    number = seconds(value) if isinstance(value, str) and value != ABSENT else value
    if value == ABSENT or not bound.least <= number <= bound.most:
        yield f"{bound.why}: {bound.path} is {value}"
