"""The peers: how each is started, reached and asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.peers import wire

_SERVERS = "benchmarks.peers.servers"
_INFER = "/inference.GRPCInferenceService/ModelInfer"
_RAY = {"RAY_USAGE_STATS_ENABLED": "0"}
_OURS = "/imagemesh.vision.v1.VisionService/Classify"


@dataclass(frozen=True, slots=True)
class Peer:
    """A model server in one configuration.

    Attributes:
        name: For people.
        environment: Name of its environment; "" is the project's.
        arguments: Of Python, to start it; `{port}` is filled in, here and in `variables`.
        protocol: What it speaks.
        path: Where requests go.
        frame: Returns the body of a request, or its message.
        content_type: Of a request over HTTP.
        variables: Of its process's environment, besides those of all servers.
        joins: Whether it joins requests to batches.
        is_for_cost: Whether it is a peer's cheaper configuration, alike in all but its cost.
    """

    name: str
    environment: str
    arguments: tuple[str, ...]
    protocol: Literal["http", "grpc"]
    path: str
    frame: Callable[[bytes], bytes] = wire.plain
    content_type: str = "application/octet-stream"
    variables: Mapping[str, str] = field(default_factory=dict)
    joins: bool = True
    is_for_cost: bool = False


OURS = Peer(
    name="imagemesh",
    environment="",
    arguments=("-m", f"{_SERVERS}.mesh_server"),
    protocol="grpc",
    path=_OURS,
    frame=wire.classify_request,
)
OUR_VISION_SERVICE = Peer(
    name="imagemesh",
    environment="",
    arguments=("-m", "vision"),
    protocol="grpc",
    path=_OURS,
    frame=wire.classify_request,
    variables={
        "VISION_PORT": "{port}",
        "VISION_METRICS_PORT": "0",
        "VISION_THREADS": "1",
        "VISION_PROFILE": "embedded",
    },
)
PEERS = (
    Peer(
        name="mosec",
        environment="mosec",
        arguments=(
            *("-m", f"{_SERVERS}.mosec_server", "--address", "127.0.0.1", "--port", "{port}"),
            *("--timeout", "20000", "--capacity", "256", "--log-level", "warning"),
        ),
        protocol="http",
        path="/inference",
    ),
    Peer(
        name="litserve",
        environment="litserve",
        arguments=("-m", f"{_SERVERS}.litserve_server"),
        protocol="http",
        path="/predict",
        frame=wire.form,
        content_type=wire.FORM_TYPE,
    ),
    Peer(
        name="bentoml",
        environment="bentoml",
        arguments=(
            *("-m", "bentoml", "serve", f"{_SERVERS}.bentoml_server:Served"),
            *("--host", "127.0.0.1", "--port", "{port}"),
        ),
        protocol="http",
        path="/predict",
        frame=wire.form,
        content_type=wire.FORM_TYPE,
        variables={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Peer(
        name="ray",
        environment="ray",
        arguments=("-m", f"{_SERVERS}.ray_server"),
        protocol="http",
        path="/",
        variables=_RAY,
    ),
    Peer(
        name="ray-throughput",
        environment="ray",
        arguments=("-m", f"{_SERVERS}.ray_server"),
        protocol="http",
        path="/",
        variables={
            **_RAY,
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        },
        is_for_cost=True,
    ),
    Peer(
        name="mlserver",
        environment="mlserver",
        arguments=("-m", f"{_SERVERS}.mlserver_server"),
        protocol="grpc",
        path=_INFER,
        frame=wire.infer_request,
    ),
    Peer(
        name="mlserver-inline",
        environment="mlserver",
        arguments=("-m", f"{_SERVERS}.mlserver_server", "--inline"),
        protocol="grpc",
        path=_INFER,
        frame=wire.infer_request,
        is_for_cost=True,
    ),
    Peer(
        name="kserve",
        environment="kserve",
        arguments=("-m", f"{_SERVERS}.kserve_server"),
        protocol="grpc",
        path=_INFER,
        frame=wire.infer_request,
        joins=False,
    ),
    Peer(
        name="kserve-inline",
        environment="kserve",
        arguments=("-m", f"{_SERVERS}.kserve_server", "--inline"),
        protocol="grpc",
        path=_INFER,
        frame=wire.infer_request,
        joins=False,
        is_for_cost=True,
    ),
)
