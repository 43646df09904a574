"""Planted errors in the files beside the chart: where, what, and what the checks must say."""

from dataclasses import dataclass

from tests.deploy.paths import ABSENT

CHAIN = "filter_chains/0/transport_socket/typed_config/common_tls_context"


@dataclass(frozen=True, slots=True)
class Planted:
    """An error at a place of a YAML file.

    Attributes:
        path: of the place.
        value: the error that is put there; ABSENT takes something away.
        report: what the checks must say.
    """

    path: str
    value: object
    report: str

    def __str__(self) -> str:
        """Return what names the error in a report."""
        return f"{'/'.join(self.path.split('/')[-2:])}={self.value}"[:60]


@dataclass(frozen=True, slots=True)
class Written:
    """An error in the text of a file: what is written in the place of what."""

    text: str
    instead: str
    report: str

    def __str__(self) -> str:
        """Return what names the error in a report."""
        return f"{self.text}={self.instead}"[:60].replace("\n", " ")


def manager(listener: str, path: str, value: object, report: str) -> Planted:
    """Return an error in the HTTP connection manager of a listener of Envoy."""
    return Planted(
        f"static_resources/listeners/{listener}/filter_chains/0/filters/0/typed_config/{path}",
        value,
        report,
    )


def listener(name: str, path: str, value: object, report: str) -> Planted:
    """Return an error in a listener of Envoy."""
    return Planted(f"static_resources/listeners/{name}/{path}", value, report)


def cluster(name: str, path: str, value: object, report: str) -> Planted:
    """Return an error in a cluster of Envoy."""
    return Planted(f"static_resources/clusters/{name}/{path}", value, report)


ROUTE = "route_config/virtual_hosts/0"
AUTHZ = "http_filters/authz/typed_config"
HTTP = "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

LISTENERS = [
    Planted("admin/address/socket_address/address", "0.0.0.0", "the admin interface listens on"),
    manager("stats", f"{ROUTE}/routes/1/match", {"prefix": "/"}, "callers of the admin interface"),
    listener("public", "filter_chains/0/transport_socket", ABSENT, "public takes TLS from"),
    listener("public", f"{CHAIN}/tls_params/tls_minimum_protocol_version", "TLSv1_0", "TLS from"),
    listener("native", f"{CHAIN}/alpn_protocols", ["http/1.1"], "native offers no HTTP/2"),
    listener("native", f"{CHAIN}/validation_context_sds_secret_config", ABSENT, "reads no cert"),
    listener("native", f"{CHAIN}/validation_context",
             {"trust_chain_verification": "ACCEPT_UNTRUSTED"}, "takes certificates of anyone"),
    listener("public", "per_connection_buffer_limit_bytes", 1 << 30, "bytes of a slow caller"),
    manager("public", "use_remote_address", value=False, report="the address of a caller on trust"),
    manager("public", "xff_num_trusted_hops", 2, "trusts hops that are not there"),
    manager("native", "normalize_path", value=False, report="leaves a path as it was written"),
    manager("native", "path_with_escaped_slashes_action", "KEEP_UNCHANGED", "escaped slashes"),
    manager("native", "forward_client_cert_details", "ALWAYS_FORWARD_ONLY", "believes a cert"),
    manager("public", "common_http_protocol_options/headers_with_underscores_action", "ALLOW",
            "reads like another"),
    manager("public", "common_http_protocol_options/idle_timeout", "0s", "idle connections"),
    manager("public", "http2_protocol_options/max_concurrent_streams", ABSENT, "bounds no streams"),
    manager("public", "request_headers_timeout", ABSENT, "waits for headers without an end"),
    manager("public", "stream_idle_timeout", "20s", "cuts off slow answers"),
    manager("mesh-ocr", "codec_type", ABSENT, "guesses the protocol"),
    manager("mesh-ocr", "tracing", ABSENT, "traces nothing"),
    manager("public", "preserve_external_request_id", ABSENT, "renames requests"),
    manager("public", "access_log/stdout/typed_config/log_format/json_format/key",
            "%REQ(x-api-key)%", "public logs ['REQ(x-api-key)']"),
    manager("public", "access_log/stdout/typed_config/log_format/json_format/path", "%REQ(:path)%",
            "public logs ['REQ(:path)']"),
    manager("mesh-ocr", "access_log", [], "mesh-ocr has no access log"),
    manager("public", "local_reply_config/mappers/3/body_format_override/json_format/error/code",
            "bad_request", "public answers"),
    manager("public", "local_reply_config/mappers/2/filter/status_code_filter/comparison/op", "EQ",
            "public shapes the answers"),
    manager("native", "local_reply_config/mappers/0/headers_to_add/0/header/value", "14",
            "to ask again at once"),
    Planted("overload_manager/resource_monitors/1", ABSENT, "connections are bounded by"),
    Planted("overload_manager/actions/1/triggers/0/threshold/value", 0.5, "requests are refused"),
]  # fmt: skip
IDENTITY = [
    manager("native", "http_filters/authz", ABSENT, "native passes"),
    manager("native", "http_filters/identity/typed_config/mutations/request_mutations/0", ABSENT,
            "lets a caller say x-caller"),
    manager("native", "http_filters/identity/typed_config/mutations/request_mutations/1/append"
            "/append_action", "ADD_IF_ABSENT", "lets a caller say x-client-id"),
    manager("native", f"{AUTHZ}/failure_mode_allow", value=True, report="let in by failure"),
    manager("native", f"{AUTHZ}/allowed_headers/patterns", [{"prefix": "x-"}], "allowed_headers"),
    manager("native", f"{AUTHZ}/http_service/server_uri/timeout", "60s", "its keys too long"),
    manager("native", "route_config/request_headers_to_remove/0", ABSENT, "native takes away"),
    manager("public", "route_config/request_headers_to_remove", ["x-caller"], "public takes away"),
    manager("native", f"{ROUTE}/routes/0/typed_per_filter_config", {}, "goes past a filter"),
]  # fmt: skip
ROUTES = [
    manager("public", f"{ROUTE}/routes/0", ABSENT, "public shows /metrics"),
    manager("public", f"{ROUTE}/routes/2/match/prefix", "/", "nothing reaches what is behind"),
    manager("public", f"{ROUTE}/routes/rest/route/timeout", "30s", "and is given 30 s"),
    manager("public", f"{ROUTE}/routes/rest/route/retry_policy/retry_on", "5xx", "is asked again"),
    manager("mesh-ocr", f"{ROUTE}/request_body_buffer_limit", 1 << 20, "can be sent again"),
    manager("mesh-ocr", f"{ROUTE}/routes/0/route/timeout", ABSENT, "has 15 s, whatever its caller"),
    manager("mesh-ocr", f"{ROUTE}/routes/0/route/max_stream_duration", ABSENT, "RPCs of ocr end"),
    manager("mesh-ocr", f"{ROUTE}/routes/0/route/retry_policy", ABSENT, "ocr is asked again on []"),
    manager("mesh-ocr", f"{ROUTE}/routes/0/route/retry_policy/num_retries", 10, "again 10 times"),
    manager("mesh-ocr", f"{ROUTE}/routes/0/route/retry_policy/retry_host_predicate", [],
            "again at the replica that failed"),
]  # fmt: skip
CLUSTERS = [
    cluster("ocr", "connect_timeout", "30s", "a host that is gone is waited for"),
    cluster("ocr", "cluster_type/typed_config/dns_refresh_rate", "300s", "gets no traffic"),
    cluster("ocr", "load_balancing_policy/policies/0/typed_extension_config/typed_config"
            "/selection_method", ABSENT, "selection_method is"),
    cluster("ocr", "health_checks/0/interval", "60s", "a dead replica is asked on"),
    cluster("gateway", "health_checks", ABSENT, "gateway: health_checks/0/http_health_check"),
    cluster("ocr", "outlier_detection", ABSENT, "dead ones stay"),
    cluster("ocr", "outlier_detection/max_ejection_percent", 100, "all or none are left"),
    cluster("gateway", "common_lb_config/healthy_panic_threshold/value", 50, "dead hosts are"),
    cluster("ocr", "ignore_health_on_host_removal", ABSENT, "pods that end are asked on"),
    cluster("ocr", "circuit_breakers/thresholds/0/max_requests", 64, "replicas are never full"),
    cluster("ocr", "circuit_breakers/thresholds/0/retry_budget", ABSENT, "retries storm"),
    cluster("ocr", f"{HTTP}/explicit_http_config/http2_protocol_options/connection_keepalive"
            "/interval", "1s", "pings, or none, part us"),
    cluster("ocr", f"{HTTP}/explicit_http_config", {"http_protocol_options": {}}, "http2_protocol"),
    cluster("gateway", f"{HTTP}/common_http_protocol_options/idle_timeout", "90s", "closes"),
]  # fmt: skip
ENVOY = [*LISTENERS, *IDENTITY, *ROUTES, *CLUSTERS]
