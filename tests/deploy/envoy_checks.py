"""Faults of an Envoy configuration that Envoy itself takes: who is let in, and what it tells."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.catalogue import CATALOGUE
from tests.deploy.envoy_clusters import cluster_faults, seconds
from tests.deploy.envoy_routes import managers, route_faults
from tests.deploy.paths import ABSENT, seen

Yaml = Any  # Any: a YAML document

FACING = ("public", "native")  # callers that nobody vouches for
MESH = ("mesh-colorize", "mesh-ocr", "mesh-vision")
# What a line of an access log may tell. No other header: it could be a key, or a name of a result.
TOLD = frozenset(
    {"START_TIME", "ROUTE_NAME", "RESPONSE_CODE", "RESPONSE_CODE_DETAILS", "RESPONSE_FLAGS"}
    | {"DURATION", "BYTES_RECEIVED", "BYTES_SENT", "UPSTREAM_HOST", "FILTER_CHAIN_NAME"}
    | {"UPSTREAM_REQUEST_ATTEMPT_COUNT", "GRPC_STATUS(SNAKE_STRING)"}
    | {"REQ(x-request-id)", "REQ(:method)"}
)
WANTED = ("REQ(x-request-id)", "RESPONSE_FLAGS", "DURATION", "UPSTREAM_HOST")
MOST_AUTHZ_S = 15
SECRET_ITEMS = {"certificate.yaml": "tls_certificate", "authority.yaml": "validation_context"}

_OPERATOR = re.compile(r"%([^%]+)%")


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold at a place of a listener's HTTP connection manager.

    Attributes:
        listeners: that it is for.
        path: of the place.
        holds: tells of what is there, or of ABSENT.
        report: what is wrong where it does not hold.
    """

    listeners: tuple[str, ...]
    path: str
    holds: Callable[[Any], bool]  # Any: whatever is there
    report: str


def lasts(least_s: float, most_s: float) -> Callable[[Any], bool]:
    """Return a test of a duration, which must be there."""
    return lambda value: value != ABSENT and least_s <= seconds(value) <= most_s


def counts(least: int, most: int) -> Callable[[Any], bool]:
    """Return a test of a number, which must be there."""
    return lambda value: value != ABSENT and least <= value <= most


def is_on(value: object) -> bool:
    """Tell whether something is said to be."""
    return value is True


def is_off(value: object) -> bool:
    """Tell whether something is not said to be."""
    return value in (ABSENT, False)


def is_one_of(*values: object) -> Callable[[Any], bool]:
    """Return a test of a value; ABSENT among them lets it be missing."""
    return lambda value: value in values


RULES = (
    Rule(FACING, "use_remote_address", is_on, "takes the address of a caller on trust"),
    Rule(FACING, "xff_num_trusted_hops", is_one_of(ABSENT, 0), "trusts hops that are not there"),
    Rule(FACING, "skip_xff_append", is_off, "hides the address of the caller"),
    Rule(FACING, "internal_address_config", is_one_of(ABSENT), "takes callers for internal ones"),
    Rule(FACING, "normalize_path", is_on, "leaves a path as it was written"),
    Rule(FACING, "merge_slashes", is_off, "takes paths that are none"),
    Rule(
        FACING,
        "path_with_escaped_slashes_action",
        is_one_of("REJECT_REQUEST"),
        "lets escaped slashes pass",
    ),
    Rule(
        FACING,
        "common_http_protocol_options/headers_with_underscores_action",
        is_one_of("REJECT_REQUEST", "DROP_HEADER"),
        "lets a header pass that reads like another",
    ),
    Rule(
        FACING,
        "forward_client_cert_details",
        is_one_of(ABSENT, "SANITIZE"),
        "believes a certificate that a header tells of",
    ),
    Rule(FACING, "server_name", is_one_of("imagemesh"), "tells what serves"),
    Rule(
        FACING,
        "common_http_protocol_options/idle_timeout",
        lasts(60, 900),
        "keeps or cuts idle connections",
    ),
    Rule(
        FACING,
        "http2_protocol_options/max_concurrent_streams",
        counts(10, 1000),
        "bounds no streams of a connection",
    ),
    Rule(
        FACING,
        "http2_protocol_options/initial_stream_window_size",
        counts(65535, 1 << 20),
        "takes too much of a stream at once",
    ),
    Rule(FACING, "request_headers_timeout", lasts(1, 60), "waits for headers without an end"),
    Rule(("public",), "request_timeout", lasts(30, 120), "waits for a request without an end"),
    Rule(("public",), "stream_idle_timeout", lasts(90, 600), "cuts off slow answers, or none"),
    Rule(("native",), "stream_idle_timeout", lasts(300, 900), "cuts off slow answers, or none"),
    Rule(MESH, "codec_type", is_one_of("HTTP2"), "guesses the protocol of the gateway"),
    Rule((*FACING, *MESH), "preserve_external_request_id", is_on, "renames requests"),
    Rule(
        (*FACING, *MESH),
        "request_id_extension/typed_config/pack_trace_reason",
        lambda value: value is False,
        "renames requests",
    ),
    Rule(
        (*FACING, *MESH),
        "tracing/random_sampling/value",
        is_one_of(0),
        "traces nothing, or all by default",
    ),
)


def envoy_faults(config: Yaml) -> list[str]:
    """Return what is wrong with a configuration, a sentence each."""
    checks = (_admin, _tls, _managers, _logs, _identity, _replies, _overload)
    faults = [fault for check in checks for fault in check(config)]
    return [*faults, *route_faults(config), *cluster_faults(config)]


def secret_faults(name: str, secret: Yaml) -> Iterator[str]:
    """Return what is wrong with a file of a certificate that Envoy reads anew."""
    for resource in secret["resources"]:
        kind = SECRET_ITEMS[name]
        if kind not in resource:
            yield f"{name} has no {kind}"
            continue
        files = set(re.findall(r"'filename': '([^']+)'", str(resource)))
        wanted = {"tls.crt", "tls.key"} if kind == "tls_certificate" else {"ca.crt"}
        if files != {f"/etc/envoy/tls/{file}" for file in wanted}:
            yield f"{name} reads {sorted(files)}"
        if seen(resource, f"{kind}/watched_directory/path") != "/etc/envoy/tls":
            yield f"{name} is read once"
        if "trust_chain_verification" in resource[kind]:
            yield f"{name} takes certificates of anyone"


def _admin(config: Yaml) -> Iterator[str]:
    host = seen(config, "admin/address/socket_address/address")
    if host != "127.0.0.1":
        yield f"the admin interface listens on {host}"
    (stats,) = (manager for name, manager in managers(config) if name == "stats")
    for host in seen(stats, "route_config/virtual_hosts"):
        for route in host["routes"]:
            if seen(route, "match/path") not in {"/ready", "/stats/prometheus"}:
                yield f"stats lets callers of the admin interface in at {route['match']}"


def _tls(config: Yaml) -> Iterator[str]:
    for name, context in _contexts(config):
        if name not in FACING:
            continue
        common = seen(context, "common_tls_context")
        version = seen(common, "tls_params/tls_minimum_protocol_version")
        if version not in {"TLSv1_2", "TLSv1_3"}:
            yield f"{name} takes TLS from {version} on"
        if "h2" not in seen(common, "alpn_protocols"):
            yield f"{name} offers no HTTP/2"
        certificates = ("tls_certificates", "tls_certificate_sds_secret_configs")
        if all(seen(common, place) == ABSENT for place in certificates):
            yield f"{name} shows no certificate"
        authorities = ("validation_context", "validation_context_sds_secret_config")
        asks = [place for place in authorities if seen(common, place) != ABSENT]
        if (name == "native") is not bool(asks):
            yield f"{name} reads {'a' if asks else 'no'} certificate of its callers"
        if seen(common, "validation_context/trust_chain_verification") != ABSENT:
            yield f"{name} takes certificates of anyone"


def _contexts(config: Yaml) -> Iterator[tuple[str, Yaml]]:
    """Return the TLS of every listener; that of none is empty."""
    for listener in config["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            yield listener["name"], seen(chain, "transport_socket/typed_config")


def _managers(config: Yaml) -> Iterator[str]:
    for name, manager in managers(config):
        for rule in RULES:
            if name in rule.listeners and not rule.holds(seen(manager, rule.path)):
                yield f"{name} {rule.report}: {rule.path} is {seen(manager, rule.path)}"
    for listener in config["static_resources"]["listeners"]:
        name, most = listener["name"], listener.get("per_connection_buffer_limit_bytes", 1 << 20)
        if name in FACING and most > 1 << 20:
            yield f"{name} keeps {most} bytes of a slow caller"


def _logs(config: Yaml) -> Iterator[str]:
    for name, manager in managers(config):
        if name == "stats":
            continue
        formats = [log["typed_config"]["log_format"] for log in manager.get("access_log", [])]
        if not formats:
            yield f"{name} has no access log"
        for written in formats:
            told = set(_OPERATOR.findall(json.dumps(written)))
            may = TOLD if name == "public" else TOLD | {"REQ(:path)"}
            if told - may:
                yield f"{name} logs {sorted(told - may)}"
            if set(WANTED) - told:
                yield f"{name} logs no {sorted(set(WANTED) - told)}"


def _identity(config: Yaml) -> Iterator[str]:
    """Who a native caller is comes from its certificate or from the gateway, not from itself."""
    native = next(manager for name, manager in managers(config) if name == "native")
    names = [entry["name"] for entry in native["http_filters"]]
    if names != ["identity", "grpc_web", "authz", "router"]:
        yield f"native passes {names}"
        return
    _, _, authz, _ = (entry["typed_config"] for entry in native["http_filters"])
    mutations = seen(native, "http_filters/identity/typed_config/mutations/request_mutations")
    if {"remove": "x-caller"} not in mutations:
        yield "native lets a caller say x-caller"
    said = {"key": "x-client-id", "value": "%DOWNSTREAM_PEER_URI_SAN%"}
    overwritten = {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "keep_empty_value": True}
    if {"append": {"header": said, **overwritten}} not in mutations:
        yield "native lets a caller say x-client-id"
    for path, wanted in AUTHZ.items():
        if seen(authz, path) != wanted:
            yield f"native is let in by {path} {seen(authz, path)}"
    if seconds(seen(authz, "http_service/server_uri/timeout")) > MOST_AUTHZ_S:
        yield "native waits for its keys too long"


AUTHZ: dict[str, object] = {
    "failure_mode_allow": False,
    "status_on_error/code": "ServiceUnavailable",
    "http_service/server_uri/cluster": "authz",
    "allowed_headers/patterns": [
        {"exact": "x-api-key"}, {"exact": "x-client-id"}, {"exact": "x-request-id"}
    ],
    "http_service/authorization_response/allowed_upstream_headers/patterns": [
        {"exact": "x-caller"}
    ],
}  # fmt: skip


def _replies(config: Yaml) -> Iterator[str]:
    """Envoy's own answers have the error shape of the contract, and its codes."""
    shapes = {name: seen(manager, "local_reply_config/mappers") for name, manager in
              managers(config)}  # fmt: skip
    codes = {fault.code for fault in CATALOGUE}
    compared = []
    for mapper in shapes["public"]:
        comparison = seen(mapper, "filter/status_code_filter/comparison")
        compared.append((comparison["op"], comparison["value"]["default_value"]))
        error = seen(mapper, "body_format_override/json_format/error")
        if set(error) != {"code", "message", "request_id"} or error["code"] not in codes:
            yield f"public answers {error}"
    if compared != [("EQ", 404), ("EQ", 504), ("GE", 500), ("GE", 400)]:
        yield f"public shapes the answers {compared}"
    (busy,) = shapes["native"]
    if seen(busy, "headers_to_add/0/header") != {"key": "grpc-status", "value": "8"}:
        yield "native tells a caller over its limit to ask again at once"


def _overload(config: Yaml) -> Iterator[str]:
    manager = config["overload_manager"]
    limits = {one["name"].rpartition(".")[2]: one["typed_config"]
              for one in manager["resource_monitors"]}  # fmt: skip
    connections = "global_downstream_max_connections"
    most = seen(limits, f"{connections}/max_active_downstream_connections")
    if most == ABSENT or not 1000 <= most <= 100_000:
        yield f"connections are bounded by {most}"
    if seen(limits, "fixed_heap/max_heap_size_bytes") == ABSENT:
        yield "memory is not bounded"
    actions = {one["name"].rpartition(".")[2]: one for one in manager["actions"]}
    at = [seen(actions, f"{name}/triggers/0/threshold/value") for name in
          ("shrink_heap", "stop_accepting_requests")]  # fmt: skip
    if ABSENT in at or not 0.8 <= at[0] < at[1] < 1:
        yield f"memory is given back and requests are refused at {at}"
