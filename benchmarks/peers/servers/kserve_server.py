"""KServe's SDK: gRPC, protocol version 2; it joins no requests, so that each is a batch of one.

The model has a thread of its own, so that the server hears of cancels and of SIGTERM; `--inline`
calls it in the event loop, as KServe's own examples do, which costs less.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import kserve

from benchmarks.peers.model import load_model
from benchmarks.peers.orders import read_orders
from scripts.ports import free_port


class Served(kserve.Model):
    """What answers a request; the names of the methods are the framework's."""

    def load(self) -> bool:
        """Load the model."""
        self._model = load_model(read_orders())
        self.ready = True
        return self.ready

    def predict(
        self, payload: kserve.InferRequest, headers: Any = None, response_headers: Any = None
    ) -> kserve.InferResponse:
        """Answer one request."""
        del headers, response_headers
        (body,) = payload.inputs[0].data
        answers = self._model.answer_all([self._model.prepare(body)])
        output = kserve.InferOutput("answer", shape=[1], datatype="BYTES", data=answers)
        return kserve.InferResponse(payload.id or "", self.name, [output])


class ServedInThread(Served):
    """The same beside the event loop."""

    def load(self) -> bool:
        """Load the model and start its thread."""
        self._thread = ThreadPoolExecutor(1)
        return super().load()

    async def predict(
        self, payload: kserve.InferRequest, headers: Any = None, response_headers: Any = None
    ) -> kserve.InferResponse:
        """Answer one request."""
        del headers, response_headers
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, super().predict, payload)


def main() -> None:
    """Serve until told to stop."""
    model = Served("peer") if "--inline" in sys.argv else ServedInThread("peer")
    model.load()
    server = kserve.ModelServer(
        http_port=free_port(),
        grpc_port=read_orders().port,
        workers=1,
        enable_latency_logging=False,
        access_log_format=None,
    )
    server.start([model])


if __name__ == "__main__":
    main()
