"""Health probe of a process, for container runtimes: python -m servicekit.probe ADDRESS."""

import sys
from http import HTTPStatus
from typing import Any
from urllib.request import urlopen

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_S = 5.0


def is_healthy(address: str) -> bool:
    """Return whether a server is healthy.

    Args:
        address: an http URL, which must answer with status 200, or HOST:PORT of a gRPC server.
    """
    if address.startswith("http://"):
        return _answers(address)
    return _serves(address)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310  # nosec B310
            return bool(response.status == HTTPStatus.OK)
    except OSError:  # URLError and HTTPError too
        return False


def _serves(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1]) else 1)
