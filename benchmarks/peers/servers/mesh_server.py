"""Ours: the server, the line and the batches of every service, around the model of the peers.

The RPC is the real one of the vision service. Only photos are classified elsewhere, by the vision
service itself.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import grpc
from pydantic_settings import SettingsConfigDict

from benchmarks.peers.model import Model, load_model
from benchmarks.peers.orders import BATCH, RUN_LIMIT_S, read_orders
from imagemesh.vision.v1 import vision_service_pb2 as pb
from modelkit.hosting import ModelHost
from modelkit.settings import ModelServiceSettings
from servicekit.callers import caller_of
from servicekit.server import Service, run

NAME = "imagemesh.vision.v1.VisionService"

Context: TypeAlias = "grpc.aio.ServicerContext[pb.ClassifyRequest, pb.ClassifyResponse]"


class MeshSettings(ModelServiceSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(env_prefix="MESH_", frozen=True)


class Stage:
    """The RPC, answered by the model of the peers."""

    def __init__(self, settings: MeshSettings) -> None:
        self.host = ModelHost(settings)
        load = partial(load_model, read_orders())
        self._slot = self.host.slot("peers", load, _answer_all)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPC to a server."""
        classify: grpc.RpcMethodHandler[pb.ClassifyRequest, pb.ClassifyResponse] = (
            grpc.unary_unary_rpc_method_handler(
                self._classify,
                request_deserializer=pb.ClassifyRequest.FromString,
                response_serializer=pb.ClassifyResponse.SerializeToString,
            )
        )
        handler = grpc.method_handlers_generic_handler(NAME, {"Classify": classify})
        server.add_generic_rpc_handlers((handler,))

    async def _classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:
        answer = await self._slot.serve(
            partial(self._answer, request.image),
            caller=caller_of(context),
            timeout_s=context.time_remaining(),
        )
        return pb.ClassifyResponse(labels=[pb.Label(tag=answer.decode())])

    async def _answer(self, body: bytes, model: Model) -> bytes:
        return await self._slot.answer(model.prepare(body), size_bytes=len(body))


def _answer_all(model: Model, prepared: Sequence[Any]) -> list[bytes]:
    return model.answer_all(prepared)


def main() -> None:
    """Serve until told to stop."""
    settings = MeshSettings(
        port=read_orders().port, metrics_port=0, max_batch=BATCH, max_run_s=RUN_LIMIT_S
    )
    stage = Stage(settings)
    service = partial(Service, NAME, stage.register, stage.host.load, stage.host.close)
    run(service(health=stage.host.health, metrics=stage.host.metrics), settings)


if __name__ == "__main__":
    main()
