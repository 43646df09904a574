"""The server, queue and batches of this project's services around the model of the peers.

The RPC is Classify of the vision service, which serves the real classifier itself.
"""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import grpc
from pydantic_settings import SettingsConfigDict

from benchmarks.serving.model import RUN_LIMIT_S, Model, Orders, load_model, read_orders
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.hosting import ModelHost
from modelkit.settings import ModelServiceSettings
from servicekit.callers import caller_of
from servicekit.server import Service, run

NAME = "imagemesh.vision.v1.VisionService"

Context: TypeAlias = "grpc.aio.ServicerContext[pb.ClassifyRequest, pb.ClassifyResponse]"


class OwnSettings(ModelServiceSettings):
    """Settings that every service has."""

    model_config = SettingsConfigDict(env_prefix="OWN_", frozen=True)


class OwnServicer(rpc.VisionServiceServicer):
    """Classify, answered by the model of the peers."""

    def __init__(self, settings: OwnSettings, orders: Orders) -> None:
        self.host = ModelHost(settings)
        self._slot = self.host.slot(
            "peers", partial(load_model, orders), _answer_all, max_batch=orders.batch
        )

    def register(self, server: grpc.aio.Server) -> None:
        """Add the RPCs to a server."""
        rpc.add_VisionServiceServicer_to_server(self, server)

    async def Classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:  # noqa: N802 - the name of the RPC
        answer = await self._slot.serve(
            partial(self._slot.answer, request.image),
            caller=caller_of(context),
        )
        return pb.ClassifyResponse(labels=[pb.Label(tag=answer.decode())])


def _answer_all(model: Model, bodies: Sequence[bytes]) -> list[bytes]:
    return model.answer_all(bodies)


def main() -> None:
    """Serve until told to stop."""
    orders = read_orders()
    settings = OwnSettings(port=orders.port, metrics_port=0, max_run_s=RUN_LIMIT_S)
    own = OwnServicer(settings, orders)  # type: ignore[abstract]  # nobody calls its other RPCs
    service = partial(Service, NAME, own.register, own.host.load, own.host.close)
    run(service(health=own.host.health, metrics=own.host.metrics), settings)


if __name__ == "__main__":
    main()
