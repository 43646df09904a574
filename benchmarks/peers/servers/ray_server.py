"""Ray Serve: HTTP, one replica, `@serve.batch`; its throughput mode comes in the environment."""

from typing import Any

import ray
from ray import serve
from ray.serve.config import HTTPOptions
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.model import load_model
from benchmarks.peers.orders import BATCH, read_orders

ORDERS = read_orders()


@serve.deployment(max_ongoing_requests=64, max_queued_requests=256)
class Served:
    """What answers batches."""

    def __init__(self) -> None:
        self._model = load_model(ORDERS)

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=ORDERS.window_s)
    async def predict(self, bodies: list[bytes]) -> list[bytes]:
        """Answer a batch."""
        return self._model.answer_all([self._model.prepare(body) for body in bodies])

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        return Response(await self.predict(await request.body()))


def main() -> None:
    """Serve until told to stop."""
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000)
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=ORDERS.port))
    deployment: Any = Served  # what the decorator makes of the class has no types
    serve.run(deployment.bind(), blocking=True)


if __name__ == "__main__":
    main()
