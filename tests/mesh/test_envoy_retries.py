"""Retries are made by one layer: Envoy's are not multiplied by those of the gateway's channel."""

from pathlib import Path

import grpc
import pytest

from benchmarks.running_envoy import running_envoy, until_healthy
from imagemesh.vision.v1.vision_service_pb2 import ClassifyRequest
from imagemesh.vision.v1.vision_service_pb2_grpc import VisionServiceStub
from scripts.envoy_on_loopback import new_places
from servicekit.client import open_channel
from tests.gateway.origin import IMAGE
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage

TRIES_OF_ENVOY = 4


async def test_refused_rpc_is_tried_by_envoy_alone(tmp_path: Path) -> None:
    stage = Stage()
    async with serving_all(stage) as addresses:
        ports = {
            name.removesuffix("_address"): [int(address.rpartition(":")[2])]
            for name, address in addresses.items()
        }
        places = new_places(tmp_path, {**ports, "gateway": [9], "authz": [9]})
        async with running_envoy(places, tmp_path):
            await until_healthy(places, {"vision": 1})
            async with open_channel(places.mesh_addresses()["vision"]) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await VisionServiceStub(channel).Classify(
                        ClassifyRequest(image=IMAGE + b"leaving"), timeout=20
                    )

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(stage.calls) == TRIES_OF_ENVOY
