"""Faults of the routes of an Envoy configuration: where requests go, for how long, how often."""

from collections.abc import Iterator
from typing import Any

from gateway.settings import GatewaySettings
from servicekit.limits import MAX_MESSAGE_BYTES
from tests.deploy.envoy_clusters import SERVICES, seconds
from tests.deploy.paths import ABSENT, seen

Yaml = Any  # Any: a YAML document

REQUEST_S = GatewaySettings.model_fields["request_timeout_s"].default
# A request that a gateway began may have cost credits; inference may always be done again.
AGAIN = {"gateway": {"connect-failure", "refused-stream", "reset-before-request"}}
AGAIN_RPC = {"connect-failure", "refused-stream", "reset", "unavailable", "cancelled"}
REMOVED = {
    "public": {"x-caller", "x-client-id", "x-forwarded-client-cert"},
    "native": {"x-api-key", "x-client-id", "x-forwarded-client-cert"},
}
MOST_RETRIES = 3


def managers(config: Yaml) -> Iterator[tuple[str, Yaml]]:
    """Return the HTTP connection managers by the names of their listeners."""
    for listener in config["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            yield listener["name"], chain["filters"][0]["typed_config"]


def route_faults(config: Yaml) -> Iterator[str]:
    """Return what is wrong with the routes."""
    found = dict(managers(config))
    for name, manager in found.items():
        routes = manager["route_config"]
        removed = set(routes.get("request_headers_to_remove", []))
        if name in REMOVED and removed != REMOVED[name]:
            yield f"{name} takes away {sorted(removed)}"
        for host in routes["virtual_hosts"]:
            yield from (f"{name}: {fault}" for fault in _order(host))
            for route in host["routes"]:
                if "typed_per_filter_config" in {*route, *host}:
                    yield f"{name}: a route goes past a filter"
                if "route" in route and name != "stats":
                    yield from (f"{name}: {fault}" for fault in _route(route["route"]))
            if name not in {"public", "stats"}:
                yield from (f"{name}: {fault}" for fault in _buffer(host))
    hidden = {
        route["match"].get("path")
        for route in found["public"]["route_config"]["virtual_hosts"][0]["routes"]
        if seen(route, "direct_response/status") == 404
    }
    for path in sorted({"/metrics", "/readyz"} - hidden):
        yield f"public shows {path} of the gateway to everyone"


def _order(host: Yaml) -> Iterator[str]:
    """Routes behind one that takes all are never taken."""
    for route in host["routes"][:-1]:
        if route["match"].get("prefix") == "/":
            cluster = seen(route, "route/cluster")
            yield f"nothing reaches what is behind the first route to {cluster}"


def _buffer(host: Yaml) -> Iterator[str]:
    most = host.get("request_body_buffer_limit", 0)
    if not MAX_MESSAGE_BYTES <= most <= 2 * MAX_MESSAGE_BYTES:
        yield f"messages of {most} bytes can be sent again; they may have {MAX_MESSAGE_BYTES}"


def _route(route: Yaml) -> Iterator[str]:
    cluster = route["cluster"]
    timeout_s = seconds(route.get("timeout", "15s"))  # Envoy's own
    if cluster == "gateway" and not REQUEST_S < timeout_s <= 2 * REQUEST_S:
        yield f"the gateway may take {REQUEST_S:g} s and is given {timeout_s:g} s"
    if cluster in SERVICES:
        if timeout_s:
            yield f"{cluster} has {timeout_s:g} s, whatever its caller says"
        longest = seen(route, "max_stream_duration/max_stream_duration")
        told = seen(route, "max_stream_duration/grpc_timeout_header_max")
        if ABSENT in (longest, told) or not REQUEST_S < seconds(longest) <= seconds(told):
            yield f"RPCs of {cluster} end after {longest}, and after {told} where a caller says so"
    yield from _retries(cluster, route.get("retry_policy", {}))


def _retries(cluster: str, policy: Yaml) -> Iterator[str]:
    on = {word for word in policy.get("retry_on", "").split(",") if word}
    if not on or not on <= AGAIN.get(cluster, AGAIN_RPC):
        yield f"{cluster} is asked again on {sorted(on)}"
    times = policy.get("num_retries", 1)
    if not 1 <= times <= MOST_RETRIES:
        yield f"{cluster} is asked again {times} times"
    if seen(policy, "retry_host_predicate/previous_hosts") == ABSENT:
        yield f"{cluster} is asked again at the replica that failed"
    if policy.get("host_selection_retry_max_attempts", 1) < times:
        yield f"{cluster} looks for another replica too seldom"
