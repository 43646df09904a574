"""Health of a service over gRPC."""

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from servicekit.client import open_channel
from servicekit.health import Health
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from tests.servicekit.echo import NAME, Echo


def test_service_is_well_when_no_part_is_down() -> None:
    health = Health()
    seen = [health.is_well]

    for part, is_well in [("a", False), ("b", False), ("a", True), ("b", True)]:
        health.report(part, is_well=is_well)
        seen.append(health.is_well)

    assert seen == [True, False, False, False, True]


async def test_grpc_health_says_what_the_service_says() -> None:
    service = Echo().service()
    settings = ServiceSettings(port=0, metrics_port=0)
    async with serving(service, settings) as port, open_channel(f"localhost:{port}") as channel:
        watched = watch(channel)
        first = await anext(watched)

        service.health.report("model", is_well=False)
        second = await anext(watched)
        service.health.report("model", is_well=True)
        third = await anext(watched)

    serving_now, not_serving = (
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    )
    assert [first, second, third] == [serving_now, not_serving, serving_now]


async def watch(channel: grpc.aio.Channel) -> Any:  # Any: an async generator of numbers
    """Yield each status of the service."""
    stub: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
    async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=NAME)):
        yield answer.status
