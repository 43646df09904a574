"""MLServer: gRPC, protocol version 2, with its adaptive batches.

In its pool of workers, one of them, which is its default; `--inline` does without, which saves a
process and a queue and blocks the event loop. Its uvloop must be older than 0.22: with a newer one
the pool's worker dies and the model is never ready.
"""

import asyncio
import sys

import mlserver
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from mlserver.utils import install_uvloop_event_loop

from benchmarks.peers.model import load_model
from benchmarks.peers.orders import BATCH, read_orders
from scripts.ports import free_port


class Served(mlserver.MLModel):
    """What answers a batch; the names of the methods are the framework's."""

    async def load(self) -> bool:
        """Load the model."""
        self._model = load_model(read_orders())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a batch, which comes as one request with a row for each."""
        prepared = [self._model.prepare(body) for body in payload.inputs[0].data]
        answers = self._model.answer_all(prepared)
        output = ResponseOutput(
            name="answer", shape=[len(answers), 1], datatype="BYTES", data=answers
        )
        return InferenceResponse(model_name=self.name, outputs=[output])


async def serve() -> None:
    """Serve until told to stop."""
    orders = read_orders()
    settings = mlserver.Settings(
        debug=False,
        host="127.0.0.1",
        grpc_port=orders.port,
        http_port=free_port(),
        metrics_endpoint=None,
        parallel_workers=0 if "--inline" in sys.argv else 1,
    )
    model = mlserver.ModelSettings(
        name="peer",
        implementation="benchmarks.peers.servers.mlserver_server.Served",
        max_batch_size=BATCH,
        max_batch_time=orders.window_s,
    )
    await mlserver.MLServer(settings).start([model])


if __name__ == "__main__":
    install_uvloop_event_loop()
    asyncio.run(serve())
